#pragma once
#include <stdint.h>

/* Inlined always: a loop is vectorised only when every function in it is inlined. */
#define XNET_INLINE static inline __attribute__((always_inline))

XNET_INLINE uint32_t xnet_bits_of_float(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

XNET_INLINE float xnet_float_of_bits(uint32_t bits) {
    float x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

XNET_INLINE uint64_t xnet_bits_of_double(double x) {
    uint64_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

XNET_INLINE double xnet_double_of_bits(uint64_t bits) {
    double x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}
