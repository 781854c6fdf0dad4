/* The mathematical functions of compiled programs: xnet_expf for float, xnet_exp for double, and so on.

   Each is straight-line code that chooses by selects, so that gcc and clang turn `for (...) y[i] = xnet_expf(x[i]);`
   into vector instructions, and calls no library.  Compile with
     -O3 -march=native   vector instructions, and those that this processor has;
     -ffp-contract=fast  a product and a sum are one instruction, which is a quarter faster; gcc's -std=c11 turns it off;
     -fno-math-errno     no function has to set errno, so a square root is one instruction;
     -fno-trapping-math  the floating-point exception flags are not used, so both sides of a select may be computed.
   Never with -ffast-math or -fassociative-math: the code rounds by adding large numbers and counts on the order of
   its sums.  The stated errors hold with -ffp-contract=off too.
   The processor must round to nearest and keep subnormal numbers, which is how every program starts. */
#pragma once
#include "mathematics/error_function.h"
#include "mathematics/exponential.h"
#include "mathematics/logarithm.h"
#include "mathematics/trigonometric.h"
