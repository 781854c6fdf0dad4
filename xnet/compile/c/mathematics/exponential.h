/* exp, exp2, expm1, tanh, sinh, cosh, sigmoid.

   Reduction: x = k ln 2 + r with an integer k and |r| <= ln(2)/2, so e^x = 2^k e^r.
   e^r = 1 + r + r^2 q(r).  q is a polynomial, fitted by the Remez exchange algorithm in 50 digits so that the
   largest relative error of r + r^2 q(r) against expm1(r) is least; its coefficients were rounded from the lowest
   to the highest, and the higher ones fitted again after each rounding. */
#pragma once
#include "bits.h"

/* ---- float ---- */

typedef struct {
    uint32_t k; /* in two's complement */
    float r;    /* the remainder, rounded */
    float tail; /* what the rounding of r left out */
} xnet_reduced_float;

/* Adding 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits.
   The upper part of ln 2 has 15 bits, so its product with k is exact. */
XNET_INLINE xnet_reduced_float xnet_reduce_expf(float x) {
    float shifted = x * 0x1.715476p+0f + 0x1.8p+23f;
    float k = shifted - 0x1.8p+23f;
    float upper = x - k * 0x1.62e4p-1f;
    float lower = k * 0x1.7f7d1cp-20f;
    float r = upper - lower;
    return (xnet_reduced_float){xnet_bits_of_float(shifted) - 0x4b400000u, r, (upper - r) - lower};
}

/* q(r) = (e^r - 1 - r) / r^2 */
XNET_INLINE float xnet_exp_remainderf(float r) {
    float q = 0x1.38c112p-13f;
    q = q * r + 0x1.6d2a38p-10f;
    q = q * r + 0x1.1155acp-7f;
    q = q * r + 0x1.555502p-5f;
    q = q * r + 0x1.55552cp-3f;
    return q * r + 0.5f;
}

/* x 2^k for k from -254 to 257.  2^k may be out of range, so it is two factors; only the second product rounds. */
XNET_INLINE float xnet_scalef(float x, uint32_t k) {
    uint32_t first = (k + 254u) >> 1;
    uint32_t second = k + 254u - first;
    return x * xnet_float_of_bits(first << 23) * xnet_float_of_bits(second << 23);
}

/* 2^j e^x.  Beyond the two bounds the result is infinite or 0; a NaN passes through both selects. */
XNET_INLINE float xnet_scaled_expf(float x, uint32_t j) {
    x = x > 90.0f ? 90.0f : x;
    x = x < -105.0f ? -105.0f : x;
    xnet_reduced_float z = xnet_reduce_expf(x);
    float q = xnet_exp_remainderf(z.r);
    return xnet_scalef(1.0f + (z.r + z.r * z.r * q), z.k + j);
}

/* e^x for x from -87 to 88, where e^x and 2^k are normal numbers */
XNET_INLINE float xnet_normal_expf(float x) {
    xnet_reduced_float z = xnet_reduce_expf(x);
    float q = xnet_exp_remainderf(z.r);
    return (1.0f + (z.r + z.r * z.r * q)) * xnet_float_of_bits((z.k + 127u) << 23);
}

XNET_INLINE float xnet_expf(float x) { return xnet_scaled_expf(x, 0u); }

XNET_INLINE float xnet_exp2f(float x) {
    x = x > 129.0f ? 129.0f : x;
    x = x < -151.0f ? -151.0f : x;
    float shifted = x + 0x1.8p+23f;
    float r = (x - (shifted - 0x1.8p+23f)) * 0x1.62e43p-1f;
    float q = xnet_exp_remainderf(r);
    return xnet_scalef(1.0f + (r + r * r * q), xnet_bits_of_float(shifted) - 0x4b400000u);
}

/* (e^x - 1) / 4 = (s - 1/4) + s r + s (tail + r^2 q) with s = 2^k / 4, which does not overflow where sinh does not.
   Both of the first sums are made with their rounding errors, so that only the last addition rounds noticeably. */
XNET_INLINE float xnet_quarter_expm1f(float x) {
    x = x > 89.5f ? 89.5f : x;
    x = x < -20.0f ? -20.0f : x;
    xnet_reduced_float z = xnet_reduce_expf(x);
    float q = xnet_exp_remainderf(z.r);
    float s = xnet_float_of_bits((z.k + 125u) << 23);
    float start = s - 0.25f;
    float product = s * z.r;
    float sum = start + product;
    float error = (product - (sum - start)) + ((s - start) - 0.25f);
    return sum + (error + s * (z.tail + z.r * z.r * q));
}

/* For a tiny x the result is x, rounded; a quarter of x could be subnormal and lose digits. */
XNET_INLINE float xnet_expm1f(float x) {
    float y = 4.0f * xnet_quarter_expm1f(x);
    return __builtin_fabsf(x) < 0x1p-25f ? x : y;
}

/* Below 0.625, tanh x = x + x^3 p(x^2), fitted like q; from there on 1 - 2 / (e^2x + 1), which is 1 from 10 on. */
XNET_INLINE float xnet_tanhf(float x) {
    float size = __builtin_fabsf(x);
    float z = size * size;
    float p = -0x1.750cfp-8f;
    p = p * z + 0x1.51f8dp-6f;
    p = p * z - 0x1.b835a4p-5f;
    p = p * z + 0x1.1106f6p-3f;
    p = p * z - 0x1.555532p-2f;
    float below = size + size * z * p;
    float twice = size > 10.0f ? 20.0f : size + size;
    float above = 1.0f - 2.0f / (xnet_normal_expf(twice) + 1.0f);
    return __builtin_copysignf(size < 0.625f ? below : above, x);
}

/* sinh|x| = (t + t / (t + 1)) / 2 with t = e^|x| - 1 */
XNET_INLINE float xnet_sinhf(float x) {
    float size = __builtin_fabsf(x);
    float half = 2.0f * xnet_quarter_expm1f(size);
    float y = half + (size > 20.0f ? 0.5f : half / (2.0f * half + 1.0f));
    return size < 0x1p-13f ? x : __builtin_copysignf(y, x);
}

XNET_INLINE float xnet_coshf(float x) {
    float half = xnet_scaled_expf(__builtin_fabsf(x), (uint32_t)-1);
    return half + 0.25f / half;
}

/* 1 / (1 + e^-x), by e^-|x|, which does not overflow */
XNET_INLINE float xnet_sigmoidf(float x) {
    float e = xnet_expf(-__builtin_fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* ---- double: the same, with longer polynomials ---- */

typedef struct {
    uint64_t k;
    double r, tail;
} xnet_reduced_double;

XNET_INLINE xnet_reduced_double xnet_reduce_exp(double x) {
    double shifted = x * 0x1.71547652b82fep+0 + 0x1.8p+52;
    double k = shifted - 0x1.8p+52;
    double upper = x - k * 0x1.62e42fefa3p-1;
    double lower = k * 0x1.3de6af278ece6p-42;
    double r = upper - lower;
    return (xnet_reduced_double){xnet_bits_of_double(shifted) - 0x4338000000000000u, r, (upper - r) - lower};
}

XNET_INLINE double xnet_exp_remainder(double r) {
    double q = 0x1.1f3422e2df9f4p-29;
    q = q * r + 0x1.af5d7010209e3p-26;
    q = q * r + 0x1.27e4fd82c6f67p-22;
    q = q * r + 0x1.71ddf90cd92dfp-19;
    q = q * r + 0x1.a01a019b72c57p-16;
    q = q * r + 0x1.a01a01afa5fe5p-13;
    q = q * r + 0x1.6c16c16c171dfp-10;
    q = q * r + 0x1.111111110f706p-7;
    q = q * r + 0x1.5555555555558p-5;
    q = q * r + 0x1.5555555555559p-3;
    return q * r + 0.5;
}

XNET_INLINE double xnet_scale(double x, uint64_t k) {
    uint64_t first = (k + 2046u) >> 1;
    uint64_t second = k + 2046u - first;
    return x * xnet_double_of_bits(first << 52) * xnet_double_of_bits(second << 52);
}

XNET_INLINE double xnet_scaled_exp(double x, uint64_t j) {
    x = x > 711.0 ? 711.0 : x;
    x = x < -746.0 ? -746.0 : x;
    xnet_reduced_double z = xnet_reduce_exp(x);
    double q = xnet_exp_remainder(z.r);
    return xnet_scale(1.0 + (z.r + z.r * z.r * q), z.k + j);
}

/* for x from -708 to 709 */
XNET_INLINE double xnet_normal_exp(double x) {
    xnet_reduced_double z = xnet_reduce_exp(x);
    double q = xnet_exp_remainder(z.r);
    return (1.0 + (z.r + z.r * z.r * q)) * xnet_double_of_bits((z.k + 1023u) << 52);
}

XNET_INLINE double xnet_exp(double x) { return xnet_scaled_exp(x, 0u); }

XNET_INLINE double xnet_exp2(double x) {
    x = x > 1025.0 ? 1025.0 : x;
    x = x < -1076.0 ? -1076.0 : x;
    double shifted = x + 0x1.8p+52;
    double r = (x - (shifted - 0x1.8p+52)) * 0x1.62e42fefa39efp-1;
    double q = xnet_exp_remainder(r);
    return xnet_scale(1.0 + (r + r * r * q), xnet_bits_of_double(shifted) - 0x4338000000000000u);
}

XNET_INLINE double xnet_quarter_expm1(double x) {
    x = x > 710.6 ? 710.6 : x;
    x = x < -40.0 ? -40.0 : x;
    xnet_reduced_double z = xnet_reduce_exp(x);
    double q = xnet_exp_remainder(z.r);
    double s = xnet_double_of_bits((z.k + 1021u) << 52);
    double start = s - 0.25;
    double product = s * z.r;
    double sum = start + product;
    double error = (product - (sum - start)) + ((s - start) - 0.25);
    return sum + (error + s * (z.tail + z.r * z.r * q));
}

XNET_INLINE double xnet_expm1(double x) {
    double y = 4.0 * xnet_quarter_expm1(x);
    return __builtin_fabs(x) < 0x1p-54 ? x : y;
}

XNET_INLINE double xnet_tanh(double x) {
    double size = __builtin_fabs(x);
    double z = size * size;
    double p = -0x1.0d996b4656f4dp-16;
    p = p * z + 0x1.4389f357aceacp-14;
    p = p * z - 0x1.df523fbe0d066p-13;
    p = p * z + 0x1.3365aa9c34473p-11;
    p = p * z - 0x1.7d6892f38dc3cp-10;
    p = p * z + 0x1.d6cf2672e2093p-9;
    p = p * z - 0x1.226e161f04744p-7;
    p = p * z + 0x1.664f477a5b15cp-6;
    p = p * z - 0x1.ba1ba1b503812p-5;
    p = p * z + 0x1.111111110ac91p-3;
    p = p * z - 0x1.55555555554ffp-2;
    double below = size + size * z * p;
    double twice = size > 20.0 ? 40.0 : size + size;
    double above = 1.0 - 2.0 / (xnet_normal_exp(twice) + 1.0);
    return __builtin_copysign(size < 0.625 ? below : above, x);
}

XNET_INLINE double xnet_sinh(double x) {
    double size = __builtin_fabs(x);
    double half = 2.0 * xnet_quarter_expm1(size);
    double y = half + (size > 40.0 ? 0.5 : half / (2.0 * half + 1.0));
    return size < 0x1p-28 ? x : __builtin_copysign(y, x);
}

XNET_INLINE double xnet_cosh(double x) {
    double half = xnet_scaled_exp(__builtin_fabs(x), (uint64_t)-1);
    return half + 0.25 / half;
}

XNET_INLINE double xnet_sigmoid(double x) {
    double e = xnet_exp(-__builtin_fabs(x));
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}
