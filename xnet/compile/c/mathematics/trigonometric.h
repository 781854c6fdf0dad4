/* sin, cos, tan, atan.

   Reduction of sin, cos and tan: |x| 2/pi = n + t with an integer n and |t| <= 1/2, then r = t pi/2.  It is right for
   every x, however large: a large x is a multiple of some 2^k, so that a multiple of 4 / 2^k may be taken off the factor
   2/pi, which changes the product by whole turns.  What is left of 2/pi begins with the digits that count.  Then
   sin r = r + r^3 p(r^2) and cos r = 1 - r^2/2 + r^4 q(r^2); both polynomials were fitted by the Remez exchange algorithm
   in 50 digits for the least relative error on |r| <= pi/4, and their coefficients rounded from the lowest to the
   highest, with the higher ones fitted again after each rounding.

   atan: (|x| - 1) / (|x| + 1) or -1 / |x| brings the argument below sqrt(2) - 1 and takes pi/4 or pi/2 off the result;
   there atan t = t + t^3 p(t^2), fitted in the same way.

   A product's rounding error comes from fma.  On a processor without it that is a call of libm: slow, and right. */
#pragma once
#include "bits.h"
#include "two_over_pi.h"

/* ---- float, with the reduction in double ---- */

typedef struct {
    float r;
    uint32_t n; /* its two lowest bits count */
} xnet_quadrant_float;

/* upper + lower = (2^(24 j) 2/pi mod 4) / 2^(24 j), where x is below 2^(24 j + 47) and, from j = 1 on, a multiple of
   2^(24 j).  Their 106 bits are enough: a float other than 0 is never nearer than 2^-30 quarter turns to one. */
XNET_INLINE xnet_quadrant_float xnet_reduce_sinf(float size) {
    double x = size;
    double upper = 0x1.45f306dc9c883p-1;
    upper = x >= 0x1p+47 ? -0x1.236377d5ac07bp-25 : upper;
    upper = x >= 0x1p+71 ? 0x1.529fc2757d1f5p-52 : upper;
    upper = x >= 0x1p+95 ? 0x1.3abe8fa9a6ee0p-75 : upper;
    upper = x >= 0x1p+119 ? 0x1.f534ddc0db629p-96 : upper;
    double lower = -0x1.6b01ec5417056p-55;
    lower = x >= 0x1p+47 ? -0x1.505c1596447e5p-81 : lower;
    lower = x >= 0x1p+71 ? 0x1.a6ee06db14acdp-107 : lower;
    lower = x >= 0x1p+95 ? 0x1.b6c52b3278872p-129 : lower;
    lower = x >= 0x1p+119 ? 0x1.664f10e4107f9p-150 : lower;
    double product = x * upper;
    double error = __builtin_fma(x, upper, -product);
    double shifted = product + 0x1.8p+52;
    double t = (product - (shifted - 0x1.8p+52)) + (error + x * lower);
    return (xnet_quadrant_float){(float)(t * 0x1.921fb54442d18p+0), (uint32_t)xnet_bits_of_double(shifted)};
}

XNET_INLINE float xnet_sin_polynomialf(float r) {
    float z = r * r;
    float p = -0x1.9951eap-13f;
    p = p * z + 0x1.110774p-7f;
    p = p * z - 0x1.555546p-3f;
    return r + r * z * p;
}

XNET_INLINE float xnet_cos_polynomialf(float r) {
    float z = r * r;
    float q = 0x1.99e80cp-16f;
    q = q * z - 0x1.6c0c28p-10f;
    q = q * z + 0x1.55554ap-5f;
    float half = 0.5f * z;
    float start = 1.0f - half;
    float error = (1.0f - start) - half;
    return start + (error + z * z * q);
}

/* sin(r + n pi/2); not a number where x is none or infinite */
XNET_INLINE float xnet_sin_quadrantf(float r, uint32_t n, float x) {
    float sine = xnet_sin_polynomialf(r);
    float cosine = xnet_cos_polynomialf(r);
    uint32_t bits = xnet_bits_of_float((n & 1u) != 0u ? cosine : sine) ^ ((n & 2u) << 30);
    return __builtin_fabsf(x) < __builtin_inff() ? xnet_float_of_bits(bits) : __builtin_nanf("");
}

XNET_INLINE float xnet_sinf(float x) {
    xnet_quadrant_float z = xnet_reduce_sinf(__builtin_fabsf(x));
    float y = xnet_sin_quadrantf(z.r, z.n, x);
    uint32_t sign = xnet_bits_of_float(x) & 0x80000000u;
    return xnet_float_of_bits(xnet_bits_of_float(y) ^ sign);
}

XNET_INLINE float xnet_cosf(float x) {
    xnet_quadrant_float z = xnet_reduce_sinf(__builtin_fabsf(x));
    return xnet_sin_quadrantf(z.r, z.n + 1u, x);
}

XNET_INLINE float xnet_tanf(float x) {
    xnet_quadrant_float z = xnet_reduce_sinf(__builtin_fabsf(x));
    float y = xnet_sin_quadrantf(z.r, z.n, x) / xnet_sin_quadrantf(z.r, z.n + 1u, x);
    uint32_t sign = xnet_bits_of_float(x) & 0x80000000u;
    return xnet_float_of_bits(xnet_bits_of_float(y) ^ sign);
}

XNET_INLINE float xnet_atanf(float x) {
    float size = __builtin_fabsf(x);
    int middle = size > 0x1.a8279ap-2f;
    int large = size > 0x1.3504f4p+1f;
    float numerator = large ? -1.0f : (middle ? size - 1.0f : size);
    float denominator = large ? size : (middle ? size + 1.0f : 1.0f);
    float upper = large ? 0x1.921fb6p+0f : (middle ? 0x1.921fb6p-1f : 0.0f);
    float lower = large ? -0x1.777a5cp-25f : (middle ? -0x1.777a5cp-26f : 0.0f);
    float t = numerator / denominator;
    float z = t * t;
    float p = -0x1.f2cb06p-5f;
    p = p * z + 0x1.b21fe6p-4f;
    p = p * z - 0x1.23b966p-3f;
    p = p * z + 0x1.9991e0p-3f;
    p = p * z - 0x1.55554ap-2f;
    return __builtin_copysignf(upper + (t + (t * z * p + lower)), x);
}

/* ---- double ---- */

typedef struct {
    double upper, lower;
} xnet_pair;

/* a + b with its rounding error */
XNET_INLINE xnet_pair xnet_two_sum(double a, double b) {
    double sum = a + b;
    double of_b = sum - a;
    return (xnet_pair){sum, (a - (sum - of_b)) + (b - of_b)};
}

/* a b with its rounding error */
XNET_INLINE xnet_pair xnet_two_product(double a, double b) {
    double product = a * b;
    return (xnet_pair){product, __builtin_fma(a, b, -product)};
}

/* x mod 4, between -2 and 2; exact */
XNET_INLINE double xnet_mod_4(double x) { return x - 4.0 * __builtin_rint(0.25 * x); }

typedef struct {
    xnet_pair r;
    uint64_t n;
} xnet_quadrant;

/* x = X 2^(16 j) with X below 2^69, and from j = 1 on with an integer X, is multiplied by 2^(16 j) 2/pi mod 4 from the
   table.  A double other than 0 is never nearer than 2^-62 quarter turns to one, so the digits above may all cancel: the
   sum of the products is kept as a pair. */
XNET_INLINE xnet_quadrant xnet_reduce_sin(double size) {
    uint64_t bits = xnet_bits_of_double(size);
    uint64_t excess = (bits >> 52) - 1075u;
    uint64_t j = (excess & ((excess >> 63) - 1u)) >> 4; /* where negative 0; gcc vectorises no loop with a select here */
    double scaled = xnet_double_of_bits(bits - (j << 56));
    xnet_pair a = xnet_two_product(scaled, xnet_two_over_pi[j][0]);
    xnet_pair b = xnet_two_product(scaled, xnet_two_over_pi[j][1]);
    xnet_pair c = xnet_two_product(scaled, xnet_two_over_pi[j][2]);
    double last = c.lower + scaled * xnet_two_over_pi[j][3];

    xnet_pair ab = xnet_two_sum(xnet_mod_4(a.upper), xnet_mod_4(a.lower));
    xnet_pair turns = xnet_two_sum(ab.upper, xnet_mod_4(b.upper));
    double shifted = turns.upper + 0x1.8p+52;
    xnet_pair t = xnet_two_sum(turns.upper - (shifted - 0x1.8p+52), ab.lower + turns.lower);
    xnet_pair bc = xnet_two_sum(b.lower, c.upper);
    xnet_pair sum = xnet_two_sum(t.upper, bc.upper);
    t = xnet_two_sum(sum.upper, sum.lower + (t.lower + (bc.lower + last)));

    xnet_pair r = xnet_two_product(t.upper, 0x1.921fb54442d18p+0);
    r.lower += t.upper * 0x1.1a62633145c07p-54 + t.lower * 0x1.921fb54442d18p+0;
    return (xnet_quadrant){r, xnet_bits_of_double(shifted)};
}

XNET_INLINE double xnet_sin_polynomial(xnet_pair r) {
    double z = r.upper * r.upper;
    double p = 0x1.5d8b54bf83aebp-33;
    p = p * z - 0x1.ae5e4b81cd21ep-26;
    p = p * z + 0x1.71de3555299b3p-19;
    p = p * z - 0x1.a01a019be9208p-13;
    p = p * z + 0x1.111111110f730p-7;
    p = p * z - 0x1.5555555555548p-3;
    return r.upper + (r.upper * z * p + r.lower * (1.0 - 0.5 * z));
}

XNET_INLINE double xnet_cos_polynomial(xnet_pair r) {
    double z = r.upper * r.upper;
    double q = -0x1.8fa554a0afebap-37;
    q = q * z + 0x1.1ee9d9c8353c0p-29;
    q = q * z - 0x1.27e4f7ef0f129p-22;
    q = q * z + 0x1.a01a019c8c7e9p-16;
    q = q * z - 0x1.6c16c16c15005p-10;
    q = q * z + 0x1.555555555554bp-5;
    double half = 0.5 * z;
    double start = 1.0 - half;
    double error = (1.0 - start) - half;
    return start + (error + (z * z * q - r.upper * r.lower));
}

XNET_INLINE double xnet_sin_quadrant(xnet_pair r, uint64_t n, double x) {
    double sine = xnet_sin_polynomial(r);
    double cosine = xnet_cos_polynomial(r);
    uint64_t bits = xnet_bits_of_double((n & 1u) != 0u ? cosine : sine) ^ ((n & 2u) << 62);
    return __builtin_fabs(x) < __builtin_inf() ? xnet_double_of_bits(bits) : __builtin_nan("");
}

XNET_INLINE double xnet_sin(double x) {
    xnet_quadrant z = xnet_reduce_sin(__builtin_fabs(x));
    double y = xnet_sin_quadrant(z.r, z.n, x);
    uint64_t sign = xnet_bits_of_double(x) & 0x8000000000000000u;
    y = xnet_double_of_bits(xnet_bits_of_double(y) ^ sign);
    return __builtin_fabs(x) < 0x1p-27 ? x : y;
}

XNET_INLINE double xnet_cos(double x) {
    xnet_quadrant z = xnet_reduce_sin(__builtin_fabs(x));
    return xnet_sin_quadrant(z.r, z.n + 1u, x);
}

XNET_INLINE double xnet_tan(double x) {
    xnet_quadrant z = xnet_reduce_sin(__builtin_fabs(x));
    double y = xnet_sin_quadrant(z.r, z.n, x) / xnet_sin_quadrant(z.r, z.n + 1u, x);
    uint64_t sign = xnet_bits_of_double(x) & 0x8000000000000000u;
    y = xnet_double_of_bits(xnet_bits_of_double(y) ^ sign);
    return __builtin_fabs(x) < 0x1p-27 ? x : y;
}

XNET_INLINE double xnet_atan(double x) {
    double size = __builtin_fabs(x);
    int middle = size > 0x1.a827999fcef32p-2;
    int large = size > 0x1.3504f333f9de6p+1;
    double numerator = large ? -1.0 : (middle ? size - 1.0 : size);
    double denominator = large ? size : (middle ? size + 1.0 : 1.0);
    double upper = large ? 0x1.921fb54442d18p+0 : (middle ? 0x1.921fb54442d18p-1 : 0.0);
    double lower = large ? 0x1.1a62633145c07p-54 : (middle ? 0x1.1a62633145c07p-55 : 0.0);
    double t = numerator / denominator;
    double z = t * t;
    double p = 0x1.e845040ce41f0p-7;
    p = p * z - 0x1.0fd3c3aeb5399p-5;
    p = p * z + 0x1.6fe4690a4ce4dp-5;
    p = p * z - 0x1.ab3bdb35e59e3p-5;
    p = p * z + 0x1.e167b8c9f88e8p-5;
    p = p * z - 0x1.110beb619868ep-4;
    p = p * z + 0x1.3b1364ef548d9p-4;
    p = p * z - 0x1.745d1450422aap-4;
    p = p * z + 0x1.c71c71b458b27p-4;
    p = p * z - 0x1.249249246f58bp-3;
    p = p * z + 0x1.9999999999584p-3;
    p = p * z - 0x1.5555555555554p-2;
    return __builtin_copysign(upper + (t + (t * z * p + lower)), x);
}
