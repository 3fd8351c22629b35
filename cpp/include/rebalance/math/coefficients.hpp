// Made by tests/reference/coefficients.py; change that script, not this file.
#pragma once

namespace rebalance::math {

inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kLn2High = 0x1.62e42fefa3800p-1;
inline constexpr double kLn2Low = 0x1.ef35793c76730p-45;
inline constexpr double kInvSqrt2Pi = 0x1.9884533d43651p-2;
inline constexpr double kLogSqrt2Pi = 0x1.d67f1c864beb5p-1;

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

// N(-z)/n(z) = P(z)/Q(z), -0.7 <= z <= 39; relative error 6.6e-16, of the derivative 2.8e-15
static constexpr double kMillsP[] = {
    0x1.40d931ff62705p+0,
    0x1.fee5eb90457efp+0,
    0x1.947d579d3199bp+0,
    0x1.9a197cc2297dep-1,
    0x1.23a28f2ca24dep-2,
    0x1.2e43473bf62b4p-4,
    0x1.cd3fbabee8cf1p-7,
    0x1.ff8f93b77f0a2p-10,
    0x1.8b5eb416c97e5p-13,
    0x1.8217b4c15c791p-17,
    0x1.6c27c510ee4a0p-22};
static constexpr double kMillsQ[] = {
    0x1.0000000000000p+0,
    0x1.31f2b5d5ddccfp+1,
    0x1.557ab1290b044p+1,
    0x1.d6aa8b037b290p+0,
    0x1.bdf177dddc33bp-1,
    0x1.31aa977435a00p-2,
    0x1.36296453e31f3p-4,
    0x1.d36784dd5ddd0p-7,
    0x1.0149e192641b0p-9,
    0x1.8c14c7f8cdef1p-13,
    0x1.8217b4c17243dp-17,
    0x1.6c27c510eb083p-22};

// 1 - z N(-z)/n(z) = P(z)/Q(z), 0.98 <= z <= 60; relative error 5.6e-17
static constexpr double kMillsDeclineP[] = {
    0x1.000000043b500p+0,
    0x1.626c152f96823p+0,
    0x1.ee48652ac13f4p-1,
    0x1.be903e99a7ce5p-2,
    0x1.1d5ab93a3f086p-3,
    0x1.0a9bce9d3d8c1p-5,
    0x1.6ccde3778f071p-8,
    0x1.63073912b9f23p-11,
    0x1.c4c9a1395b20fp-15,
    0x1.2c487a0557a46p-19};
static constexpr double kMillsDeclineQ[] = {
    0x1.0000000000000p+0,
    0x1.51a2a3ac269b9p+1,
    0x1.a2bbda4f26246p+1,
    0x1.4333c5acdca25p+1,
    0x1.5a2de3fb039f9p+0,
    0x1.0f3d1ddedb67ep-1,
    0x1.3ee43ab54079ap-3,
    0x1.1b23fe84d721cp-5,
    0x1.776a9d3dfdf3dp-8,
    0x1.668c1280e11dep-11,
    0x1.c4c9a1395863ap-15,
    0x1.2c487a0557c98p-19};

// -N^-1(p) = r - P(r)/Q(r), r = sqrt(-2 ln p), p <= 1/2; absolute error 0.00027
static constexpr double kQuantileP[] = {
    0x1.48454ef6d9aedp+1,
    0x1.24999296317cap+0,
    0x1.18cba50142887p-5};
static constexpr double kQuantileQ[] = {
    0x1.0000000000000p+0,
    0x1.a227955f8104cp+0,
    0x1.3e16f7793a739p-2,
    0x1.534d42ef6bcb7p-8};

// h = eta p(eta^2), h <= 1; relative error 0.00055
static constexpr double kNormalVolNear[] = {
    0x1.9896b4e370e31p-1,
    0x1.e7b3c78faf043p-3,
    0x1.47eb466996ba4p-2,
    -0x1.dccc42f112841p-2,
    0x1.67cd749c3a085p-1};

// h = P(r)/Q(r), 1 <= h <= 38; relative error 0.0002
static constexpr double kNormalVolP[] = {
    0x1.1d54be14006eep-2,
    0x1.39677795713b2p-2,
    -0x1.6b7c8d438e22fp-2,
    0x1.9d785f46f9dfap-3};
static constexpr double kNormalVolQ[] = {
    0x1.0000000000000p+0,
    -0x1.fe34eb8226e87p-3,
    0x1.975bfad906893p-3,
    0x1.2af00ccd8b140p-15};

// x^(-1/3), |log2 x| <= 0.588; relative error 1.8e-5
static constexpr double kInverseCubeRoot[] = {
    0x1.fe9e402d9c5acp+0,
    -0x1.3a4a0ed59885ap+1,
    0x1.5bd85d5895b9cp+1,
    -0x1.cff249bf3d884p+0,
    0x1.4eab6aabf32cep-1,
    -0x1.91df2a8c64c34p-4};

// z^9 = x z + 1: z = 1 + x p(x), 0 <= x <= 1; relative error 5.2e-9
static constexpr double kBandEdge[] = {
    0x1.c71c6fdf8c223p-4,
    -0x1.2f66d5e000ad9p-5,
    0x1.0605063585e48p-6,
    -0x1.d7a12d2f899fbp-8,
    0x1.892c586034435p-9,
    -0x1.f9daaf8b0401ep-11,
    0x1.597d2e5d9a084p-13};
// z^9 = z + x: z = 1 + x p(x), 0 <= x <= 1; relative error 2.5e-7
static constexpr double kBandJump[] = {
    0x1.ffff6320aaee8p-4,
    -0x1.1fc339af3819cp-4,
    0x1.d7ef0f06e3003p-5,
    -0x1.9fb011e050425p-5,
    0x1.36afa615edc78p-5,
    -0x1.3225d748eafadp-6,
    0x1.148e19b1abe6ap-8};

}  // namespace rebalance::math
