/* erf.

   Below 1, erf x = x + x p(x^2); from 1 on, erf x = 1 - 2^t(x), where the polynomial t is log2(1 - erf).  Both were
   fitted by the Remez exchange algorithm in 50 digits, p for the least relative error of erf and t for the least
   absolute one, and the coefficients rounded from the lowest to the highest, with the higher ones fitted again after
   each rounding.  From 3.93 (float) or 5.93 (double) on, 1 - 2^t rounds to 1. */
#pragma once
#include "exponential.h"

XNET_INLINE float xnet_erff(float x) {
    float size = __builtin_fabsf(x);

    float z = size * size;
    float p = 0x1.477540p-14f;
    p = p * z - 0x1.a351eep-11f;
    p = p * z + 0x1.53f22ap-8f;
    p = p * z - 0x1.b7f71ap-6f;
    p = p * z + 0x1.ce2ce6p-4f;
    p = p * z - 0x1.81273ep-2f;
    p = p * z + 0x1.06eba8p-3f;
    float below = size + size * p;

    float y = size > 3.93f ? 3.93f : size;
    float t = 0x1.18b9a6p-12f;
    t = t * y - 0x1.15eeb0p-8f;
    t = t * y + 0x1.01b4d4p-5f;
    t = t * y - 0x1.30701ap-3f;
    t = t * y - 0x1.d76e88p-1f;
    t = t * y - 0x1.a03fe6p+0f;
    t = t * y - 0x1.0b8dfep-11f;
    float above = 1.0f - xnet_exp2f(t);

    return __builtin_copysignf(size < 1.0f ? below : above, x);
}

XNET_INLINE double xnet_erf(double x) {
    double size = __builtin_fabs(x);

    double z = size * size;
    double p = 0x1.3db14e3f97ec4p-33;
    p = p * z - 0x1.c5f5bd980c0e3p-30;
    p = p * z + 0x1.1348540709ca1p-26;
    p = p * z - 0x1.63963689ed19ep-23;
    p = p * z + 0x1.ba69859ebac32p-20;
    p = p * z - 0x1.f4dcf6d5256a2p-17;
    p = p * z + 0x1.f9a3b97a09aedp-14;
    p = p * z - 0x1.c02db9339f6eap-11;
    p = p * z + 0x1.565bcd2c63368p-8;
    p = p * z - 0x1.b82ce31354c96p-6;
    p = p * z + 0x1.ce2f21a0458d7p-4;
    p = p * z - 0x1.812746b037a25p-2;
    p = p * z + 0x1.06eba8214db69p-3;
    double below = size + size * p;

    double y = size > 5.93 ? 5.93 : size;
    double t = -0x1.6416b3f692eebp-44;
    t = t * y + 0x1.3e9f217987b3ap-38;
    t = t * y - 0x1.0a22ef6de766fp-33;
    t = t * y + 0x1.13a37ad768664p-29;
    t = t * y - 0x1.8c499c50855e6p-26;
    t = t * y + 0x1.a2f5fcb264214p-23;
    t = t * y - 0x1.4fd8851d5f74fp-20;
    t = t * y + 0x1.9ce6a88b9f0b3p-18;
    t = t * y - 0x1.80e8dcf47c90fp-16;
    t = t * y + 0x1.00a4f35ef0b7ap-14;
    t = t * y - 0x1.7bc6ddf3fbf55p-14;
    t = t * y - 0x1.71d5b668d87bcp-14;
    t = t * y + 0x1.f91f508439ee6p-11;
    t = t * y - 0x1.54d8b21ab01f0p-9;
    t = t * y + 0x1.d91b746d72551p-12;
    t = t * y + 0x1.c2665c728e51bp-6;
    t = t * y - 0x1.2f8b684ed0953p-3;
    t = t * y - 0x1.d6415700d541dp-1;
    t = t * y - 0x1.a0be3efaf651ap+0;
    t = t * y - 0x1.b855e7af0d8a6p-22;
    double above = 1.0 - xnet_exp2(t);

    return __builtin_copysign(size < 1.0 ? below : above, x);
}
