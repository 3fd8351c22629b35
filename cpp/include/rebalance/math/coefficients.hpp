// Made by tests/reference/coefficients.py; change that script, not this file.
#pragma once

namespace rebalance::math {

inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kLn2High = 0x1.62e42fefa3800p-1;
inline constexpr double kLn2Low = 0x1.ef35793c76730p-45;
inline constexpr double kInvSqrt2Pi = 0x1.9884533d43651p-2;

// exp(r) = 1 + r + r^2 q(r), |r| <= ln(2)/2; relative error 1.6e-17
static constexpr double kExpQ[] = {
    0x1.0000000000001p-1,
    0x1.5555555555556p-3,
    0x1.5555555553d63p-5,
    0x1.11111111109b3p-7,
    0x1.6c16c1788bd90p-10,
    0x1.a01a01a7c41d5p-13,
    0x1.a019b90d2ae7ap-16,
    0x1.71de0dae63bb3p-19,
    0x1.289185613a3d6p-22,
    0x1.af38a9b0ec855p-26};

// 2 atanh(f) = 2f + f w R(w), w = f^2, |f| <= 0.2004; relative error 7.3e-19
static constexpr double kAtanhR[] = {
    0x1.5555555555555p-1,
    0x1.9999999999989p-2,
    0x1.2492492495083p-2,
    0x1.c71c71c1a36c4p-3,
    0x1.745d1a0028a86p-3,
    0x1.3b12ee170148bp-3,
    0x1.1130fdbf011d4p-3,
    0x1.dbd588dbde1c5p-4,
    0x1.fcfaa8bea2c85p-4};

// N(-z)/n(z) = P(z)/Q(z), -0.1 <= z <= 39; relative error 1.3e-16
static constexpr double kMillsP[] = {
    0x1.40d931ff62705p+0,
    0x1.edfd8764a4d58p+0,
    0x1.786eb029a1cbbp+0,
    0x1.6c6f62d607b51p-1,
    0x1.e903e953c4b3ep-3,
    0x1.d58c62140bfbdp-5,
    0x1.42803aa737d44p-7,
    0x1.328121f3b17cap-10,
    0x1.70536a821a236p-14,
    0x1.b00cb4461797cp-19};
static constexpr double kMillsQ[] = {
    0x1.0000000000000p+0,
    0x1.2b33ee97b9166p+1,
    0x1.44e77537ecd1cp+1,
    0x1.b0be6c7309cafp+0,
    0x1.8899e99ff60f3p-1,
    0x1.fccfd63f08fe5p-3,
    0x1.df12eb05c2b2cp-5,
    0x1.4560e1748cae0p-7,
    0x1.3359284ef1cdcp-10,
    0x1.70536a81e8748p-14,
    0x1.b00cb4461f626p-19};

}  // namespace rebalance::math
