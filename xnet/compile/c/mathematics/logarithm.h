/* log, log2, log10, log1p.

   Reduction: x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), so log x = k ln 2 + f + c(f), where c(f) is
   what log(1 + f) is beyond f.  In float c(f) = -f^2/2 + f^3 p(f); in double, with s = f / (2 + f) and
   2 artanh(s) = log(1 + f), c(f) = s (f^2/2 + s^2 p(s^2)) - f^2/2.  Each p was fitted by the Remez exchange algorithm
   in 50 digits for the least relative error of the logarithm, and its coefficients rounded from the lowest to the
   highest, with the higher ones fitted again after each rounding. */
#pragma once
#include "bits.h"

/* ---- float ---- */

typedef struct {
    float k, f;
    float shrink; /* 2^-k */
} xnet_binade_float;

/* A subnormal x is first made 2^23 times larger.  0x3f3504f3 are the bits of sqrt(1/2). */
XNET_INLINE xnet_binade_float xnet_split_binadef(float x) {
    int subnormal = x < 0x1p-126f;
    uint32_t bits = xnet_bits_of_float(subnormal ? x * 0x1p+23f : x);
    uint32_t above = (bits - 0x3f3504f3u) & 0xff800000u;
    float k = (float)((int32_t)above >> 23) - (subnormal ? 23.0f : 0.0f);
    return (xnet_binade_float){k, xnet_float_of_bits(bits - above) - 1.0f, xnet_float_of_bits(0x3f800000u - above)};
}

XNET_INLINE float xnet_log_correctionf(float f) {
    float p = -0x1.38f7b8p-4f;
    p = p * f + 0x1.056fcep-3f;
    p = p * f - 0x1.0d8202p-3f;
    p = p * f + 0x1.22d6aep-3f;
    p = p * f - 0x1.547238p-3f;
    p = p * f + 0x1.99a034p-3f;
    p = p * f - 0x1.000228p-2f;
    p = p * f + 0x1.555554p-2f;
    float square = f * f;
    return f * square * p - 0.5f * square;
}

/* upper + f + lower, where upper is 0 or larger than f: the first sum is made with its rounding error. */
XNET_INLINE float xnet_log_sumf(float upper, float f, float lower) {
    float sum = upper + f;
    float error = f - (sum - upper);
    return sum + (error + lower);
}

/* The logarithm y of x, with what it is at 0, below 0, at infinity and for a NaN. */
XNET_INLINE float xnet_log_limitsf(float x, float y) {
    float elsewhere = x == 0.0f ? -__builtin_inff() : __builtin_nanf("");
    y = x > 0.0f ? y : elsewhere;
    return x == __builtin_inff() ? x : y;
}

/* The upper part of ln 2 has 15 bits, so its product with k is exact. */
XNET_INLINE float xnet_logf(float x) {
    xnet_binade_float z = xnet_split_binadef(x);
    float lower = xnet_log_correctionf(z.f) + z.k * 0x1.7f7d1cp-20f;
    return xnet_log_limitsf(x, xnet_log_sumf(z.k * 0x1.62e4p-1f, z.f, lower));
}

/* log2(e) = 1 + 0.4427, so that f itself enters unrounded. */
XNET_INLINE float xnet_log2f(float x) {
    xnet_binade_float z = xnet_split_binadef(x);
    float lower = z.f * 0x1.c551dap-2f + xnet_log_correctionf(z.f) * 0x1.715476p+0f;
    return xnet_log_limitsf(x, xnet_log_sumf(z.k, z.f, lower));
}

/* log10(e) = 1/2 - 0.0657 */
XNET_INLINE float xnet_log10f(float x) {
    xnet_binade_float z = xnet_split_binadef(x);
    float lower = z.k * 0x1.3509f8p-18f + (xnet_log_correctionf(z.f) * 0x1.bcb7b2p-2f - z.f * 0x1.0d213ap-4f);
    return xnet_log_limitsf(x, xnet_log_sumf(z.k * 0x1.344p-2f, 0.5f * z.f, lower));
}

/* 1 + x = u + lost, and f takes up what u has lost.  Where k = 0, f is x itself. */
XNET_INLINE float xnet_log1pf(float x) {
    float u = 1.0f + x;
    float lost = x < 1.0f ? x - (u - 1.0f) : 1.0f - (u - x);
    xnet_binade_float z = xnet_split_binadef(u);
    float shift = u < 0x1p+60f ? lost * z.shrink : 0.0f;
    float f = z.f + shift;
    float rest = shift - (f - z.f);
    float lower = xnet_log_correctionf(f) + (rest + z.k * 0x1.7f7d1cp-20f);
    float y = xnet_log_limitsf(u, xnet_log_sumf(z.k * 0x1.62e4p-1f, f, lower));
    return __builtin_fabsf(x) < 0x1p-25f ? x : y;
}

/* ---- double: the same, but for c(f) ---- */

typedef struct {
    double k, f, shrink;
} xnet_binade_double;

/* AVX2 has neither an arithmetic shift of 64 bits nor their conversion to double: k + 1024 is never negative, and
   becomes a double as the lowest bits of 2^52. */
XNET_INLINE xnet_binade_double xnet_split_binade(double x) {
    int subnormal = x < 0x1p-1022;
    uint64_t bits = xnet_bits_of_double(subnormal ? x * 0x1p+52 : x);
    uint64_t above = (bits - 0x3fe6a09e667f3bcdu) & 0xfff0000000000000u;
    uint64_t biased = (above + 0x4000000000000000u) >> 52;
    double k = xnet_double_of_bits(biased | 0x4330000000000000u) - (subnormal ? 0x1p+52 + 1076.0 : 0x1p+52 + 1024.0);
    return (xnet_binade_double){k, xnet_double_of_bits(bits - above) - 1.0,
                                xnet_double_of_bits(0x3ff0000000000000u - above)};
}

XNET_INLINE double xnet_log_correction(double f) {
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 0x1.2f1183e893cddp-3;
    p = p * z + 0x1.39a095d3ea314p-3;
    p = p * z + 0x1.746649a7672c3p-3;
    p = p * z + 0x1.c71c51d803b7ap-3;
    p = p * z + 0x1.249249422a085p-2;
    p = p * z + 0x1.999999997f9fbp-2;
    p = p * z + 0x1.5555555555593p-1;
    double half_square = 0.5 * f * f;
    return s * (half_square + z * p) - half_square;
}

XNET_INLINE double xnet_log_sum(double upper, double f, double lower) {
    double sum = upper + f;
    double error = f - (sum - upper);
    return sum + (error + lower);
}

XNET_INLINE double xnet_log_limits(double x, double y) {
    double elsewhere = x == 0.0 ? -__builtin_inf() : __builtin_nan("");
    y = x > 0.0 ? y : elsewhere;
    return x == __builtin_inf() ? x : y;
}

XNET_INLINE double xnet_log(double x) {
    xnet_binade_double z = xnet_split_binade(x);
    double lower = xnet_log_correction(z.f) + z.k * 0x1.3de6af278ece6p-42;
    return xnet_log_limits(x, xnet_log_sum(z.k * 0x1.62e42fefa3p-1, z.f, lower));
}

XNET_INLINE double xnet_log2(double x) {
    xnet_binade_double z = xnet_split_binade(x);
    double lower = z.f * 0x1.c551d94ae0bf8p-2 + xnet_log_correction(z.f) * 0x1.71547652b82fep+0;
    return xnet_log_limits(x, xnet_log_sum(z.k, z.f, lower));
}

XNET_INLINE double xnet_log10(double x) {
    xnet_binade_double z = xnet_split_binade(x);
    double lower = z.k * 0x1.3fde623e2566bp-43 +
                   (xnet_log_correction(z.f) * 0x1.bcb7b1526e50ep-2 - z.f * 0x1.0d213ab646bc7p-4);
    return xnet_log_limits(x, xnet_log_sum(z.k * 0x1.34413509f7p-2, 0.5 * z.f, lower));
}

XNET_INLINE double xnet_log1p(double x) {
    double u = 1.0 + x;
    double lost = x < 1.0 ? x - (u - 1.0) : 1.0 - (u - x);
    xnet_binade_double z = xnet_split_binade(u);
    double shift = u < 0x1p+60 ? lost * z.shrink : 0.0;
    double f = z.f + shift;
    double rest = shift - (f - z.f);
    double lower = xnet_log_correction(f) + (rest + z.k * 0x1.3de6af278ece6p-42);
    double y = xnet_log_limits(u, xnet_log_sum(z.k * 0x1.62e42fefa3p-1, f, lower));
    return __builtin_fabs(x) < 0x1p-54 ? x : y;
}
