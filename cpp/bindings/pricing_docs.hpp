/// What help() says of the pricing functions; their first lines are also where the stubs come from.
#pragma once

namespace rebalance::bindings::docs {

// clang-format off
#define REBALANCE_PRICING_TAIL \
    "order : int\n" \
    "    1: value, delta, gamma, vega, theta, rho. 2: also vanna, volga, charm, veta, dual_delta, dual_gamma.\n" \
    "    3: also speed, zomma, color, ultima. Left out: that of ``out``, or 1.\n" \
    "out : Greeks, optional\n" \
    "    Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.\n" \
    "threads : int\n" \
    "    For large batches. Results do not depend on it.\n" \
    "\n" \
    "Returns\n" \
    "-------\n" \
    "Greeks\n" \
    "    Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color per year of\n" \
    "    calendar time. Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has\n" \
    "    no value: years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price out of range, a negative vol or time\n" \
    "    and a phi other than +1 or -1 give NaN in every column of that row and leave the others alone.\n" \
    "\n" \
    "Raises\n" \
    "------\n" \
    "ValueError\n" \
    "    If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.\n" \
    "TypeError\n" \
    "    If an argument is not made of real numbers. It is named.\n"

inline constexpr char kBlack76[] =
    "black76(forward: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, *, order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value and Greeks of European options on a forward (Black-76), in quote currency.\n"
    "\n"
    "Derivatives hold the forward fixed: rho = -years value. Black (1976), J. Financial Economics 3:167-179.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "forward, strike : array_like\n"
    "    Quote currency per unit of underlying, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate : array_like\n"
    "    Continuous, per year.\n" REBALANCE_PRICING_TAIL;

inline constexpr char kBsm[] =
    "bsm(spot: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, dividend_yield: numpy.typing.ArrayLike = 0.0, *, order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value and Greeks of European options on a spot price (Black-Scholes-Merton), in quote currency.\n"
    "\n"
    "``rho_dividend`` is the derivative in the dividend yield. Black and Scholes (1973), J. Political Economy 81:637-654;\n"
    "Merton (1973), Bell J. Economics 4:141-183.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "spot, strike : array_like\n"
    "    Quote currency per unit of underlying, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate, dividend_yield : array_like\n"
    "    Continuous, per year.\n" REBALANCE_PRICING_TAIL;

inline constexpr char kBachelier[] =
    "bachelier(forward: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, normal_vol: numpy.typing.ArrayLike, years: numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, *, order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value and Greeks of European options on a forward that moves by amounts (Bachelier), in quote currency.\n"
    "\n"
    "Derivatives hold the forward fixed. Bachelier (1900); Schachermayer and Teichmann (2008), Math. Finance 18:155-170.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "forward, strike : array_like\n"
    "    Quote currency per unit of underlying, of any sign.\n"
    "normal_vol : array_like\n"
    "    Quote currency per square root of a year.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate : array_like\n"
    "    Continuous, per year.\n" REBALANCE_PRICING_TAIL;

inline constexpr char kInverse[] =
    "inverse(forward: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, *, order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value in coin and Greeks of coin-settled (inverse) European options.\n"
    "\n"
    "The value is black76 / forward; delta and gamma are plain derivatives of it in the forward. ``delta_pa`` =\n"
    "F dC/dF and ``gamma_pa`` = F^2 d2C/dF2 are the premium-adjusted pair that coin-margined venues report. rho is 0:\n"
    "the carry is in the forward. Alexander and Imeraj (2023), arXiv:2107.12041.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "forward, strike : array_like\n"
    "    Quote currency per coin, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n" REBALANCE_PRICING_TAIL;

inline constexpr char kDigital[] =
    "digital(spot: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, dividend_yield: numpy.typing.ArrayLike = 0.0, *, payoff: str = 'cash', order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value and Greeks of digital options, paid at expiry if phi (S - strike) > 0.\n"
    "\n"
    "A European option is phi (asset - strike cash). At the limits, exactly at the strike, half is paid.\n"
    "Reiner and Rubinstein (1991), Risk 4:75-83.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "spot, strike : array_like\n"
    "    Quote currency per unit of underlying, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate, dividend_yield : array_like\n"
    "    Continuous, per year.\n"
    "payoff : 'cash' or 'asset'\n"
    "    One unit of quote currency, or the underlying itself.\n" REBALANCE_PRICING_TAIL;

inline constexpr char kAmerican[] =
    "american(spot: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, dividend_yield: numpy.typing.ArrayLike = 0.0, *, accuracy: str = 'fast', order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value, Greeks and exercise boundary of American options on a spot price with a dividend yield.\n"
    "\n"
    "``boundary`` is the spot at which to exercise now: at or below it a put, at or above it a call is worth its\n"
    "payoff, with delta ``phi`` and every other derivative 0. vega, rho and rho_dividend include the movement of the\n"
    "boundary. Where early exercise never pays (a put with rate <= 0 and dividend_yield >= rate, a call with the two\n"
    "exchanged) the result is that of ``bsm``, and the boundary is 0 or infinity. With dividend_yield < rate < 0 a "
    "put\n"
    "(with rate < dividend_yield < 0 a call) has two boundaries: such rows get NaN and ``RowStatus.two_boundaries``.\n"
    "Andersen, Lake and Offengenden (2016), J. Computational Finance 20(1):39-87.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "spot, strike : array_like\n"
    "    Quote currency per unit of underlying, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate, dividend_yield : array_like\n"
    "    Continuous, per year.\n"
    "accuracy : {'fast', 'accurate'}\n"
    "    Error of the value at most 1e-8 of the strike (5e-8 where vol sqrt(years) > 1 and rate < dividend_yield; for\n"
    "    calls rate > dividend_yield), or 1e-10.\n" REBALANCE_PRICING_TAIL;

inline constexpr char kImpliedVol[] =
    "implied_vol(price: numpy.typing.ArrayLike, forward: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, years: numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, *, model: str = 'black76', out: tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.uint8]] | None = None, threads: int = 1) -> tuple[typing.Any, typing.Any]\n"
    "\n"
    "The vol that a price means, and a status per row.\n"
    "\n"
    "Accuracy: 8 x 2^-53 (1 + c), c the condition number, from prices of 1e-300 of the smaller of forward and strike up to\n"
    "the upper bound. Method: header implied_vol.hpp, after Jaeckel (2015), Wilmott 75:40-53.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "price : array_like\n"
    "    Quote currency; coin for ``model='inverse'``.\n"
    "forward, strike : array_like\n"
    "    Quote currency per unit of underlying, above 0; of any sign for ``model='bachelier'``.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate : array_like\n"
    "    Continuous, per year; the price is discounted at it. Not used by ``model='inverse'``.\n"
    "model : 'black76', 'bachelier' or 'inverse'\n"
    "    What the vol is a vol of; bachelier's is in quote currency per square root of a year.\n"
    "out : (vol, status), optional\n"
    "    Arrays of float64 and uint8 to write to, of the shape that the inputs broadcast to.\n"
    "threads : int\n"
    "    For large batches. Results do not depend on it.\n"
    "\n"
    "Returns\n"
    "-------\n"
    "vol : float or ndarray of float64\n"
    "    NaN where no vol gives the price.\n"
    "status : RowStatus or ndarray of uint8\n"
    "    ``ok``; ``at_intrinsic`` (vol is 0); ``below_intrinsic``, ``above_upper_bound``, ``not_a_number``, ``infinite``,\n"
    "    ``nonpositive_price``, ``expired``, ``at_expiry`` and ``bad_phi`` (vol is NaN).\n"
    "\n"
    "Raises\n"
    "------\n"
    "ValueError\n"
    "    If the shapes do not broadcast, ``out`` does not fit, or the model is unknown: the message lists those known.\n"
    "TypeError\n"
    "    If an argument is not made of real numbers. It is named.\n";
// clang-format on

}  // namespace rebalance::bindings::docs
