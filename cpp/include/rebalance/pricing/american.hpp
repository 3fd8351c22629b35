/// American options on a spot price with a continuous dividend yield: value, Greeks and exercise boundary.
///
/// A call is a put with its prices and its rates exchanged (McDonald and Schroder), so what follows is the put with
/// strike 1 on the spot s. With B(u) the boundary at time to expiry u, t = T - u, x = ln(s / B(u)), S = vol sqrt(t):
///
///   d- = (x + (r - q - vol^2/2) t) / S      d+ = d- + S      gain(u) = r - q B(u)
///   premium     pi = int_0^T [ r e^{-rt} N(-d-) - q s e^{-qt} N(-d+) ] dt           American = European + pi
///   slope       A + q C - D = 0 at s = B(T)      A = e^{-qT} N(d+) of the European, x = ln B(T)
///               C = int e^{-qt} N(d+) dt         D = int gain e^{-rt} n(d-) / (B(T) S) dt
///
/// The second line, slope -1 at the boundary (smooth pasting), holds for every T and determines B. It is a Volterra
/// equation of the second kind. Terms of equal sign are collected on both sides and the logarithms compared:
///
///   g = ln(num / den) = 0    num = A + max(q, 0) C    den = D + max(-q, 0) C
///
/// which is nearly linear in b = -ln(B / B(0)), B(0) = min(1, r/q). The unknowns are b at the nodes of
/// american_rule.hpp; all of them are improved together by Newton's method on the whole system, first on a coarse rule,
/// then, from its answer, on a fine one. At num = den the derivative through C vanishes, and is left out.
///
/// Vega, rho and rho_dividend include the boundary's own derivative. The last Newton matrix is at hand, so implicit
/// differentiation, dg/db db/dtheta = -dg/dtheta, costs three more right-hand sides. Theta is the pricing equation's.
///
/// Long options: B(u) approaches the perpetual boundary like e^{-lambda u}, lambda = (r - q - vol^2/2)^2 / (2 vol^2) +
/// r, and is taken as constant beyond lambda u = 34.
///
/// Edges     spot at or beyond the boundary: the payoff, delta phi, every other derivative 0.
///           Puts with rate <= 0 and dividend_yield >= rate are never exercised: the European option to the last bit,
///           boundary 0. Calls the same with rates exchanged, boundary infinity. So is a premium below the rounding of
///           the strike (0 < rate years < 1e-17 with a dividend yield >= 0).
///           Puts with dividend_yield < rate < 0 have a second boundary, below which one waits: status two_boundaries,
///           no numbers. Calls with rate < dividend_yield < 0 likewise.
///           years = 0 and vol = 0: see limits.cpp.
///           A boundary that the last Newton step still moved by more than kMoved of ln(B(0) / B): status unsolved, no
///           numbers. What still moves are the times just before expiry; no row of the domain below is refused.
/// Error     value, in units of the strike, over moneyness 0.25..4, vol 0.01..3, years 1e-4..10, rates and yields
///           -0.05..0.3: accurate 1e-10; fast 5e-8, and 1e-8 where vol sqrt(years) <= 1 or r >= q (for calls r <= q).
///           What is left comes from r below q, where the boundary bends sharply: see Clock. docs/pricing.md has the
///           worst inputs found and the search. Outside those ranges nothing is promised but a price between its bounds
///           or the status unsolved.
/// From      Andersen, Lake and Offengenden (2016), "High-performance American option pricing", J. Comp. Finance
///           20(1):39-87, for collocation on the integral equation; Kim (1990), Rev. Financial Studies 3:547-572, for
///           the premium; McDonald and Schroder (1998), J. Comp. Finance 1(3):5-38, for the symmetry; Tee and Trefethen
///           (2006), SIAM J. Sci. Comp. 28(5):1798-1811, for the sinh map. Newton's method on the whole system, the
///           transformed times and the differentiated boundary are our own arrangement.
#pragma once

#include "rebalance/pricing/american_rule.hpp"
#include "rebalance/pricing/bsm.hpp"
#include "rebalance/status.hpp"

namespace rebalance::pricing {

/// e^x without the care for NaN; the argument is at most 700.
template <class V>
REBALANCE_INLINE V american_exp(V x) {
  return math::exp_times(V(1.0), math::exp_parts(max(x, V(-745.0))));
}

/// e^{-b} and 1 - e^{-b}, both relatively accurate, for b >= 0.
template <class V>
struct Decay {
  V left, lost;

  REBALANCE_INLINE explicit Decay(V b) {
    const math::ExpParts<V> x = math::exp_parts(max(-b, V(-745.0)));
    const V grown = fma(x.r * x.r, math::horner(math::kExpQ, x.r), x.r);
    left = exp2_times(V(1.0) + grown, x.n);
    lost = select(x.n == V(0.0), -grown, V(1.0) - left);
  }
};

/// What the boundary depends on: one put with strike 1.
template <class V>
struct Put {
  V rate, yield, vol, years;
  V horizon;                          ///< beyond it the boundary is constant
  V log_limit;                        ///< ln B(0)
  V limit;                            ///< B(0) = min(1, rate / yield)
  V excess, yield_at_limit;           ///< gain(0) = rate - yield B(0) = max(rate - yield, 0), and yield B(0)
  V log_limit_rate, log_limit_yield;  ///< derivatives of ln B(0)
  V bend;                             ///< of the interpolated variable, see Bent
};

template <class V>
REBALANCE_INLINE Put<V> american_put(V rate, V yield, V vol, V years) {
  Put<V> p;
  p.rate = rate;
  p.yield = yield;
  p.vol = vol;
  p.years = years;
  const auto below = rate < yield;
  const V one(1.0), zero(0.0), safe_rate = select(below, rate, one), safe_yield = select(below, yield, one);
  p.limit = safe_rate / safe_yield;
  p.excess = max(rate - yield, zero);
  p.yield_at_limit = min(rate, yield);
  p.log_limit = math::log_ratio(safe_rate, safe_yield).high;
  p.log_limit_rate = select(below, one / safe_rate, zero);
  p.log_limit_yield = select(below, -one / safe_yield, zero);
  const V mu = fnma(V(0.5) * vol, vol, rate - yield), ratio = mu / vol;
  p.horizon = min(years, V(34.0) / max(fma(V(0.5) * ratio, ratio, rate), V(1e-300)));
  const V deviation = vol * sqrt(p.horizon);
  p.bend = select(below, V(0.5) / max(-p.log_limit, V(0.01) * deviation), zero);
  return p;
}

/// The inverse of sinh to about 2^-50 of max(1, z).
template <class V>
REBALANCE_INLINE V american_asinh(V z) {
  const V size = abs(z), log = math::log_ratio(size + sqrt(fma(size, size, V(1.0))), V(1.0)).high;
  return select(z < V(0.0), -log, log);
}

/// From t, the time that has passed before a node's own: t, the weight of dt, S = vol sqrt(t) and 1 / S.
template <class V>
struct Lag {
  V t, weight, s, inverse_s;
};

/// Time to expiry from the y of a rule, time = horizon xi^4. The clock of FixedPoints: xi = y.
template <class V, bool stretched>
struct Clock {
  REBALANCE_INLINE explicit Clock(const Put<V>&) {}
  REBALANCE_INLINE V xi(double y) const { return V(y); }
  REBALANCE_INLINE V y(V xi) const { return xi; }
};

/// The clock of StretchedPoints: xi = middle + scale sinh(speed y - shift), 0 at 0 and 1 at 1.
///
/// For r < q the boundary changes from sqrt(time) below r/q to what it would be below 1 when the strike comes within
/// reach, vol sqrt(time) = 0.25 ln(q/r). As a function of complex time it has branch points there, 0.06 to 0.25 of xi
/// away from the real axis; sinh carries them off (Tee and Trefethen 2006). The numbers were found by search.
template <class V>
struct Clock<V, true> {
  V middle, scale, speed, shift;

  REBALANCE_INLINE explicit Clock(const Put<V>& p) {
    const V zero(0.0), one(1.0), deviation = p.vol * sqrt(p.horizon);
    const auto below = p.rate < p.yield;
    const V change = max(V(0.49) * sqrt(max(-p.log_limit, zero) / deviation), V(0.02));
    middle = select(below, change, zero);
    scale = select(below, fma(V(0.2), change, fma(V(0.5), max(change - one, zero), V(0.01))), V(4.0));
    shift = american_asinh(middle / scale);
    speed = shift + american_asinh((one - middle) / scale);
  }
  REBALANCE_INLINE V xi(double y) const {
    const V forth = american_exp(fma(speed, V(y), -shift));
    return gone(Decay<V>(speed * V(y)), forth, V(1.0) / forth);
  }
  REBALANCE_INLINE V y(V xi) const { return (shift + american_asinh((xi - middle) / scale)) / speed; }

  /// scale (sinh(a) - sinh(a - d)) without cancellation, from e^{-d}, e^a, e^{-a}.
  REBALANCE_INLINE V gone(Decay<V> d, V forth, V back) const {
    return V(0.5) * scale * d.lost * (forth + back / d.left);
  }
};

/// The time of node i and the lags of its integral.
template <class V, class Rule>
struct Moment {
  const Rule& rule;
  V time, root, deviation, inverse_deviation;

  REBALANCE_INLINE Moment(const Rule& r, const Put<V>& p, const Clock<V, false>&, int i)
      : rule(r),
        time(p.horizon * V(r.time[i])),
        root(sqrt(p.horizon) * V(r.root_time[i])),
        deviation(p.vol * root),
        inverse_deviation(V(1.0) / deviation) {}
  REBALANCE_INLINE Lag<V> lag(int j) const {
    return {time * V(rule.step[j]), time * V(rule.weight[j]), deviation * V(rule.root_step[j]),
            inverse_deviation * V(rule.inverse_root_step[j])};
  }
};

template <class V, class Rule>
  requires Rule::kStretched
struct Moment<V, Rule> {
  const Rule& rule;
  const Put<V>& put;
  const Clock<V, true>& clock;
  V xi, xi2, pace, forth, back;
  V time, root, deviation, inverse_deviation;

  REBALANCE_INLINE Moment(const Rule& r, const Put<V>& p, const Clock<V, true>& c, int i)
      : rule(r), put(p), clock(c), xi(c.xi(r.node[i])), xi2(xi * xi), pace(c.speed * V(r.node[i])) {
    forth = american_exp(pace - c.shift);
    back = V(1.0) / forth;
    time = p.horizon * (xi2 * xi2);
    root = sqrt(p.horizon) * xi2;
    deviation = p.vol * root;
    inverse_deviation = V(1.0) / deviation;
  }
  REBALANCE_INLINE Lag<V> lag(int j) const {
    const Decay<V> d(pace * V(rule.gap[j]));
    const V lost = clock.gone(d, forth, back), then = max(xi - lost, V(0.0));
    const V t = put.horizon * (lost * (xi + then) * fma(then, then, xi2));
    const V slope = clock.scale * pace * fma(forth, d.left, back / d.left);  // twice d xi / d ln y
    const V s = put.vol * sqrt(t);
    return {t, put.horizon * V(2.0 * rule.weight[j]) * (then * then * then) * slope, s, V(1.0) / s};
  }
};

/// What is interpolated: f = b (1 + e b), e = 1 / (2 ln(q / r)) for r < q, else 0.
///
/// For r < q the boundary starts from r/q like sqrt(time), and once it is far below that, continues as if from 1:
/// ln(1/B)^2 = ln(q/r)^2 + f / e is close to a polynomial in sqrt(time) throughout, where b has a bend.
template <class V>
struct Bent {
  V b, inverse_slope;  ///< db/df

  REBALANCE_INLINE Bent(V f, V bend) {
    const V one(1.0), slope = sqrt(fma(V(4.0) * bend, f, one)), sum = one + slope, inverse = one / (slope * sum);
    b = (f + f) * (slope * inverse);
    inverse_slope = sum * inverse;
  }
};

/// A first b: the short-time asymptotics, bent towards the perpetual boundary. Its five numbers are fitted to solved
/// boundaries (99 % of them within 10 %); the solution does not depend on them.
template <class V>
struct FirstGuess {
  V perpetual, inverse_perpetual, per_root, gain, reuse;

  REBALANCE_INLINE explicit FirstGuess(const Put<V>& p) {
    const V variance = p.vol * p.vol, mu = fnma(V(0.5), variance, p.rate - p.yield);
    const V root = sqrt(fma(mu, mu, V(2.0) * variance * p.rate));
    // the negative root of vol^2/2 k (k - 1) + (r - q) k = r, without cancellation
    const V k = -select(mu > V(0.0), (mu + root) / variance, V(2.0) * p.rate / max(root - mu, V(1e-300)));
    const V log_perpetual = math::log_ratio(max(-k, V(1e-250)), V(1.0) - k).high;
    perpetual = min(max(p.log_limit - log_perpetual, V(1e-12)), V(600.0));
    inverse_perpetual = V(1.0) / perpetual;
    per_root = p.vol;
    gain = max(p.rate - p.yield, V(0.0));
    reuse = max(min(p.rate, p.yield), V(0.0));
  }
  /// b at time to expiry root^2.
  REBALANCE_INLINE V at(const Put<V>& p, V root) const {
    const V deviation = p.vol * root;
    const V flow = V(11.6) * root / p.vol * fma(V(0.3) * reuse, deviation, gain);
    const V inverse = V(1.0) / max(flow, V(1e-200));
    const V depth = fma(V(1.64), math::log_ratio(V(1.0) + inverse, V(1.0)).high, V(2.57));
    const V away = fma(sqrt(depth), deviation, p.log_limit), near = V(0.64) * deviation, gap = away - near;
    const V both = V(0.5) * (near + away + sqrt(fma(gap, gap, V(0.5) * near * near)));
    const V free = select(p.rate < p.yield, both, away);
    return perpetual * (V(1.0) - american_exp(-free * inverse_perpetual));
  }
};

/// The collocation system at one b.
template <class V, int N>
struct BoundarySystem {
  V matrix[N][N];  ///< dg_i / d ln b_k
  V right[4][N];   ///< -g, and where tangents are asked for -dg/dvol, -dg/drate, -dg/dyield
};

/// y = at x, four sums at a time: one sum after another would wait for itself.
template <class V, int L, int N>
REBALANCE_INLINE void interpolate(const double (&at)[L][N], const V* x, V* y) {
  static_assert(L % 4 == 0);
  for (int j = 0; j < L; j += 4) {
    V sum[4] = {V(0.0), V(0.0), V(0.0), V(0.0)};
    for (int k = 0; k < N; ++k) {
#pragma GCC unroll 4
      for (int m = 0; m < 4; ++m) sum[m] = fma(V(at[j + m][k]), x[k], sum[m]);
    }
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) y[j + m] = sum[m];
  }
}

/// y = x at, the same way.
template <class V, int L, int N>
REBALANCE_INLINE void gather(const double (&at)[L][N], const V* x, V* y) {
  static_assert(N % 4 == 0);
  for (int k = 0; k < N; k += 4) {
    V sum[4] = {V(0.0), V(0.0), V(0.0), V(0.0)};
    for (int j = 0; j < L; ++j) {
#pragma GCC unroll 4
      for (int m = 0; m < 4; ++m) sum[m] = fma(x[j], V(at[j][k + m]), sum[m]);
    }
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) y[k + m] = sum[m];
  }
}

/// Equation i of the system.
template <bool tangents, class V, class Rule>
void boundary_row(const Rule& rule, const Put<V>& p, const Clock<V, Rule::kStretched>& clock, const V* b, const V* f,
                  int i, BoundarySystem<V, Rule::kNodes>& system) {
  constexpr int N = Rule::kNodes, L = Rule::kPoints;
  const V zero(0.0), one(1.0);
  const Moment<V, Rule> now(rule, p, clock, i);
  const V time = now.time, root = now.root, deviation = now.deviation, inverse_deviation = now.inverse_deviation;
  const V inverse_vol = one / p.vol, mu = fnma(V(0.5) * p.vol, p.vol, p.rate - p.yield);
  const V drift = mu * root * inverse_vol, per_s = mu * inverse_vol * inverse_vol;
  const V b_here = b[i], inverse_boundary = american_exp(b_here) / p.limit;

  // f at the points
  V past[L];
  interpolate(rule.at[i], f, past);

  V c = zero, d = zero, c_flow = zero, spread = zero, through[L];
  V d_vol = zero, d_rate = zero, d_yield = zero, c_vol = zero, c_shift = zero, c_years = zero;
  V gain_rate = zero, gain_yield = zero;
  const auto limited = p.rate < p.yield;
  for (int j = 0; j < L; ++j) {
    const auto [t, weight, s, inverse_s] = now.lag(j);
    const Bent<V> then(max(past[j], zero), p.bend);
    const V minus = fma(then.b - b_here, inverse_s, per_s * s), plus = minus + s;
    const V discounted = american_exp(fnma(V(0.5) * minus, minus, -p.rate * t)) * V(math::kInvSqrt2Pi) * weight;
    const Decay<V> decay(then.b);
    const V boundary = p.limit * decay.left;
    const V asset = discounted * boundary * inverse_boundary;  // e^{-qt} n(d+)
    const V tail = asset * math::mills(min(abs(plus), V(math::kMillsEnd)));
    const V asset_probability = select(plus > zero, fma(american_exp(-p.yield * t), weight, -tail), tail);
    const V gain = fma(p.yield_at_limit, decay.lost, p.excess), flow = discounted * inverse_boundary * inverse_s;
    const V paid = gain * flow;
    c = c + asset_probability;
    d = d + paid;
    c_flow = fma(asset, inverse_s, c_flow);
    const V moved = paid * minus * inverse_s;
    spread = spread + moved;
    through[j] = moved * then.inverse_slope;
    if constexpr (tangents) {
      const V shift = t * inverse_s;  // dd/drate
      d_vol = fma(paid, fma(minus, plus, V(-1.0)), d_vol);
      d_rate = fnma(paid, fma(minus, shift, t), d_rate);
      d_yield = fma(paid, minus * shift, d_yield);
      c_vol = fnma(asset, minus, c_vol);
      c_shift = fma(asset, shift, c_shift);
      gain_rate = fma(select(limited, decay.lost, one), flow, gain_rate);
      gain_yield = fnma(select(limited, zero, boundary), flow, gain_yield);
      c_years = fma(t, asset_probability, c_years);
    }
  }

  const V log_boundary = p.log_limit - b_here;
  const V european = fma(log_boundary, inverse_deviation, drift + deviation);
  const V yield_discount = american_exp(-p.yield * time);
  const V density = yield_discount * american_exp(V(-0.5) * european * european) * V(math::kInvSqrt2Pi);
  const V tail = density * math::mills(min(abs(european), V(math::kMillsEnd)));
  const V a = select(european > zero, yield_discount - tail, tail);

  const V up = max(p.yield, zero), down = max(-p.yield, zero);
  const V num = fma(up, c, a), den = fma(down, c, d), inverse_num = one / num, inverse_den = one / den;
  system.right[0][i] = -math::log_ratio(max(num, V(1e-290)), max(den, V(1e-290))).high;
  gather(rule.at[i], through, system.matrix[i]);
  for (int k = 0; k < N; ++k) {
    system.matrix[i][k] = system.matrix[i][k] * inverse_den * (b[k] * fma(V(2.0) * p.bend, b[k], one));
  }
  const V here = -density * inverse_deviation * inverse_num - (d + spread) * inverse_den -
                 c_flow * (up * inverse_num - down * inverse_den);
  system.matrix[i][i] = fma(here, b_here, system.matrix[i][i]);

  if constexpr (tangents) {
    const V rate_shift = root * inverse_vol;
    const V a_vol = -density * (european - deviation) * inverse_vol;
    const V a_rate = density * fma(p.log_limit_rate, inverse_deviation, rate_shift);
    const V a_yield = fma(density, fma(p.log_limit_yield, inverse_deviation, -rate_shift), -time * a);
    const V vol = fma(p.yield, c_vol * inverse_vol, a_vol) - d_vol * inverse_vol;
    const V rate = fma(p.yield, c_shift, a_rate) - (d_rate + gain_rate - p.log_limit_rate * d);
    const V yield = fnma(p.yield, c_shift + c_years, a_yield + c) - (d_yield + gain_yield - p.log_limit_yield * d);
    system.right[1][i] = -vol * inverse_den;
    system.right[2][i] = -rate * inverse_den;
    system.right[3][i] = -yield * inverse_den;
  }
}

/// Gaussian elimination in place, without row exchanges: the system is close to triangular, with the diagonal in
/// charge.
template <bool tangents, class V, int N>
void solve_in_place(BoundarySystem<V, N>& s) {
  constexpr int kRight = tangents ? 4 : 1;
  for (int i = 0; i < N; ++i) {
    const V pivot = V(1.0) / s.matrix[i][i];
    s.matrix[i][i] = pivot;
    for (int row = i + 1; row < N; ++row) {
      const V factor = s.matrix[row][i] * pivot;
#pragma GCC unroll 4
      for (int k = i + 1; k < N; ++k) s.matrix[row][k] = fnma(factor, s.matrix[i][k], s.matrix[row][k]);
      for (int m = 0; m < kRight; ++m) s.right[m][row] = fnma(factor, s.right[m][i], s.right[m][row]);
    }
  }
  for (int i = N - 1; i >= 0; --i) {
    for (int m = 0; m < kRight; ++m) {
      V sum = s.right[m][i];
      for (int k = i + 1; k < N; ++k) sum = fnma(s.matrix[i][k], s.right[m][k], sum);
      s.right[m][i] = sum * s.matrix[i][i];
    }
  }
}

/// One Newton step; b changes by at most a factor of two.
template <bool tangents, class V, class Rule>
void newton_step(const Rule& rule, const Put<V>& p, const Clock<V, Rule::kStretched>& clock, V* b,
                 BoundarySystem<V, Rule::kNodes>& system) {
  V f[Rule::kNodes];
  for (int i = 0; i < Rule::kNodes; ++i) f[i] = b[i] * fma(p.bend, b[i], V(1.0));
  for (int i = 0; i < Rule::kNodes; ++i) boundary_row<tangents>(rule, p, clock, b, f, i, system);
  solve_in_place<tangents>(system);
  for (int i = 0; i < Rule::kNodes; ++i) {
    const V step = system.right[0][i];
    b[i] = b[i] * american_exp(select(step == step, min(max(step, V(-0.7)), V(0.7)), step));
  }
}

/// f as a Chebyshev series in y, and its derivatives in vol, rate and yield.
template <class V, int N>
struct Boundary {
  V series[4][N + 1];
  V last[4];  ///< b and its derivatives at the valuation date
  V moved;    ///< how far the last step went, relative to b at the valuation date
};

template <class Rules, class V>
void solve_boundary(const Rules& rules, const Put<V>& p, const Clock<V, Rules::Fine::kStretched>& clock,
                    Boundary<V, Rules::Fine::kNodes>& boundary) {
  constexpr int M = Rules::Coarse::kNodes, N = Rules::Fine::kNodes;
  const FirstGuess<V> guess(p);
  const V root_horizon = sqrt(p.horizon);
  V coarse[M], b[N];
  V drawn[M];
  const auto guess_at = [&](double y) {
    const V xi = clock.xi(y);
    return guess.at(p, root_horizon * (xi * xi));
  };
  for (int i = 0; i < M; ++i) coarse[i] = drawn[i] = guess_at(rules.coarse.node[i]);
  {
    BoundarySystem<V, M> system;
    for (int step = 0; step < Rules::kCoarseSteps; ++step) newton_step<false>(rules.coarse, p, clock, coarse, system);
  }
  for (int i = 0; i < M; ++i) coarse[i] = math::log_ratio(max(coarse[i], V(1e-280)), drawn[i]).high;
  for (int i = 0; i < N; ++i) {
    V correction = V(rules.refinement.from[i][0]) * coarse[0];
    for (int k = 1; k < M; ++k) correction = fma(V(rules.refinement.from[i][k]), coarse[k], correction);
    b[i] = guess_at(rules.fine.node[i]) * american_exp(min(max(correction, V(-3.0)), V(3.0)));
  }
  BoundarySystem<V, N> system;
  for (int step = 1; step < Rules::kFineSteps; ++step) newton_step<false>(rules.fine, p, clock, b, system);
  newton_step<true>(rules.fine, p, clock, b, system);

  V moved(0.0);
  for (int i = 0; i < N; ++i) moved = max(abs(system.right[0][i]) * b[i], moved) + V(0.0) * system.right[0][i];
  boundary.moved = moved / b[N - 1];
  for (int m = 0; m < 4; ++m) {
    V* nodal = system.right[m];
    boundary.last[m] = m == 0 ? b[N - 1] : nodal[N - 1] * b[N - 1];
    for (int i = 0; i < N; ++i) {
      nodal[i] = m == 0 ? b[i] * fma(p.bend, b[i], V(1.0)) : nodal[i] * b[i] * fma(V(2.0) * p.bend, b[i], V(1.0));
    }
    for (int k = 0; k <= N; ++k) {
      V sum = V(rules.fine.chebyshev[k][0]) * nodal[0];
      for (int i = 1; i < N; ++i) sum = fma(V(rules.fine.chebyshev[k][i]), nodal[i], sum);
      boundary.series[m][k] = sum;
    }
  }
}

/// The early exercise premium of the put with strike 1, and its derivatives with respect to spot and parameters.
template <class V>
struct Premium {
  V value, delta, gamma, vega, rho, rho_dividend;
};

/// Where sqrt(t) lies between `first` and `last` the integrand of the premium is neither 0 nor free of N.
template <class V>
struct Window {
  V first, last;
};

/// |d| <= 8.5, beyond which N is 0 or 1 to the last bit. With m = mu / vol and x / vol = a at the valuation date's
/// boundary, a_0 at B(0), the highest: d- > 8.5 before `first` and, for m > 0, after `last`; for m + vol < 0,
/// d+ < -8.5 after `last`.
///
///   m y^2 - 8.5 y + a = 0     m y^2 + 8.5 y + a = 0
template <class V>
Window<V> premium_window(const Put<V>& p, V m, V a, V a_first, V root_years) {
  const V zero(0.0), z(8.5), tiny(1e-300), m_plus = m + p.vol;
  const V rising = z + sqrt(max(fnma(V(4.0) * m, a_first, z * z), zero));
  const V falling = z + sqrt(max(fnma(V(4.0) * m_plus, a, z * z), zero));
  const V up = V(0.5) * rising / max(m, tiny), down = V(0.5) * falling / max(-m_plus, tiny);
  return {min(V(2.0) * a_first / rising, root_years), min(min(up, down), root_years)};
}

/// Close to the boundary the integrand changes on the scale sqrt(t) = x / vol, x = ln(s / B(T)), however small that is:
/// with sqrt(t) = scale sinh(theta) it is smooth in theta.
template <class Rules, class V>
Premium<V> american_premium(const Rules& rules, const Put<V>& p, const Clock<V, Rules::Fine::kStretched>& clock,
                            const Boundary<V, Rules::Fine::kNodes>& boundary, V spot, V log_spot) {
  constexpr int N = Rules::Fine::kNodes, P = Rules::Premium::kPoints;
  const V zero(0.0), one(1.0), half(0.5);
  const V root_years = sqrt(p.years), inverse_vol = one / p.vol, inverse_spot = one / spot;
  const V inverse_horizon = one / p.horizon, mu = fnma(half * p.vol, p.vol, p.rate - p.yield);
  const V distance = log_spot - p.log_limit + boundary.last[0];
  const V scale = min(max(distance * inverse_vol, V(1e-12) * root_years), V(10.0) * root_years);
  const Window<V> window = premium_window(p, mu * inverse_vol, max(distance, zero) * inverse_vol,
                                          max(log_spot - p.log_limit, zero) * inverse_vol, root_years);
  const auto theta = [&](V root) {
    const V ratio = root / scale;
    return math::log_ratio(ratio + sqrt(fma(ratio, ratio, one)), one).high;
  };
  const V begin = theta(window.first), reach = max(theta(window.last) - begin, zero);

  // After the window both N are 1, if it ends because of that.
  const V from = window.last * window.last, rate_from = american_exp(-p.rate * from),
          rate_to = american_exp(-p.rate * p.years);
  const V yield_from = spot * american_exp(-p.yield * from), yield_to = spot * american_exp(-p.yield * p.years);
  const auto rest = mu + p.vol * p.vol < zero;
  Premium<V> sum{zero, zero, zero, zero, zero, zero};
  sum.value = select(rest, (rate_from - rate_to) - (yield_from - yield_to), zero);
  sum.delta = select(rest, yield_to - yield_from, zero);
  sum.rho = select(rest, fma(p.years, rate_to, -from * rate_from), zero);
  sum.rho_dividend = select(rest, fnma(p.years, yield_to, from * yield_from), zero);
  for (int j = 0; j < P; ++j) {
    const V grown = american_exp(fma(reach, V(rules.premium.position[j]), begin)), shrunk = one / grown;
    const V root = min(half * scale * (grown - shrunk), root_years), t = root * root;
    const V weight =
        V(rules.premium.weight[j]) * root * (reach * scale * (grown + shrunk));  // dt = 2 sqrt(t) d sqrt(t)
    const V left = max(p.years - t, zero) * inverse_horizon;
    const V x2 = V(4.0) * clock.y(sqrt(sqrt(min(left, one)))) - V(2.0);

    // Clenshaw's sums of b and its three derivatives
    V b1[4] = {zero, zero, zero, zero}, b2[4] = {zero, zero, zero, zero};
    for (int k = N; k >= 1; --k) {
#pragma GCC unroll 4
      for (int m = 0; m < 4; ++m) {
        const V next = fma(x2, b1[m], boundary.series[m][k] - b2[m]);
        b2[m] = b1[m];
        b1[m] = next;
      }
    }
    V past[4];
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) past[m] = fma(half * x2, b1[m], boundary.series[m][0] - b2[m]);
    const Bent<V> then(max(past[0], zero), p.bend);

    const V s = p.vol * root, inverse_s = one / s;
    const V minus = fma(log_spot - p.log_limit + then.b, inverse_s, mu * t * inverse_s), plus = minus + s;
    const V rate_discount = american_exp(-p.rate * t) * weight, yield_discount = american_exp(-p.yield * t) * weight;
    const V density = american_exp(V(-0.5) * minus * minus) * V(math::kInvSqrt2Pi) * rate_discount;
    const Decay<V> decay(then.b);
    const V level = p.limit * decay.left, asset_density = density * level * inverse_spot;
    const V tail_minus = density * math::mills(min(abs(minus), V(math::kMillsEnd)));
    const V tail_plus = asset_density * math::mills(min(abs(plus), V(math::kMillsEnd)));
    const V strike_leg = select(minus > zero, tail_minus, rate_discount - tail_minus);
    const V asset_leg = spot * select(plus > zero, tail_plus, yield_discount - tail_plus);
    const V gain = fma(p.yield_at_limit, decay.lost, p.excess), paid = gain * density * inverse_s, shift = t * paid;
    const V moved = paid * then.inverse_slope;
    sum.value = sum.value + fnma(p.yield, asset_leg, p.rate * strike_leg);
    sum.delta = sum.delta - fma(p.yield, asset_leg, paid);
    sum.gamma = fma(density * inverse_s, fma(gain, minus * inverse_s, p.rate), sum.gamma);
    sum.vega = fma(density * inverse_vol, fnma(p.yield * level, minus, p.rate * plus), fnma(moved, past[1], sum.vega));
    sum.rho =
        sum.rho + (fnma(p.rate * t, strike_leg, strike_leg) - shift) + fnma(moved, past[2], paid * p.log_limit_rate);
    sum.rho_dividend = sum.rho_dividend + (shift - fnma(p.yield * t, asset_leg, asset_leg)) +
                       fnma(moved, past[3], paid * p.log_limit_yield);
  }
  sum.delta = sum.delta * inverse_spot;
  sum.gamma = sum.gamma * inverse_spot * inverse_spot;
  return sum;
}

template <class Rules>
struct American {
  static constexpr const char* kName = "american";
  static constexpr const char* kInputs[] = {"spot", "strike", "vol", "years", "phi", "rate", "dividend_yield"};
  static constexpr Greek kOutputs[8] = {Greek::value, Greek::delta, Greek::gamma,        Greek::vega,
                                        Greek::theta, Greek::rho,   Greek::rho_dividend, Greek::boundary};
  static constexpr int kCounts[1] = {8};

  template <class V>
  using Inputs = Bsm::Inputs<V>;

  /// x is log_ratio(spot, strike). The status, a RowStatus as a number, goes to `status`.
  template <class V>
  static Greeks<V> evaluate(const Inputs<V>& in, math::Split<V> x, V& status) {
    const V zero(0.0), one(1.0), infinity(__builtin_huge_val()), nan(__builtin_nan(""));
    const auto call = in.phi > zero;
    const V rate = select(call, in.dividend_yield, in.rate), yield = select(call, in.rate, in.dividend_yield);
    const auto two = (rate < zero) & (yield < rate);
    const auto european = ((rate <= zero) & (yield >= rate)) | ((rate * in.years < V(1e-17)) & (yield >= zero) & !two);
    Greeks<V> g = Bsm::evaluate<1>(in, x);
    g.boundary = select(call, infinity, zero);
    status = V(0.0);
    if (any(!european)) {
      // rows that need no solution go along with harmless numbers
      const auto idle = european | two;
      const Put<V> p = american_put(select(idle, V(0.05), rate), select(idle, zero, yield),
                                    select(idle, V(0.2), in.vol), select(idle, one, in.years));
      const V own = select(call, in.spot, in.strike), other = select(call, in.strike, in.spot), inverse_own = one / own;
      const V spot = other * inverse_own, log_spot = select(call, -x.high, x.high);
      Boundary<V, Rules::Fine::kNodes> boundary;
      const Clock<V, Rules::Fine::kStretched> clock(p);
      solve_boundary(Rules::kRule, p, clock, boundary);
      const Premium<V> premium = american_premium(Rules::kRule, p, clock, boundary, spot, log_spot);

      const V level = p.limit * american_exp(-boundary.last[0]);
      const V edge = select(call, in.strike / level, in.strike * level);
      const V payoff = in.phi * (in.spot - in.strike);
      Greeks<V> a;
      a.value = max(fma(own, max(premium.value, zero), g.value), payoff);
      a.delta = g.delta + select(call, fnma(spot, premium.delta, premium.value), premium.delta);
      a.gamma = fma(select(call, spot * spot, one) * inverse_own, premium.gamma, g.gamma);
      a.vega = fma(own, premium.vega, g.vega);
      a.rho = fma(own, select(call, premium.rho_dividend, premium.rho), g.rho);
      a.rho_dividend = fma(own, select(call, premium.rho, premium.rho_dividend), g.rho_dividend);
      a.theta = in.rate * a.value - (in.rate - in.dividend_yield) * in.spot * a.delta -
                V(0.5) * (in.vol * in.spot) * (in.vol * in.spot) * a.gamma;
      a.boundary = edge;

      const auto exercise = in.phi * (in.spot - edge) >= zero;
      const auto sum = a.value + a.delta + a.gamma + a.vega + a.rho + a.rho_dividend + a.boundary;
      const auto solved = (boundary.moved < V(Rules::kMoved)) & (abs(sum) < infinity);
      const auto merge = [&](V& out, V ours, V at_once) {
        out = select(european, out, select(two | !solved, nan, select(exercise, at_once, ours)));
      };
      merge(g.value, a.value, payoff);
      merge(g.delta, a.delta, in.phi);
      merge(g.gamma, a.gamma, zero);
      merge(g.vega, a.vega, zero);
      merge(g.theta, a.theta, zero);
      merge(g.rho, a.rho, zero);
      merge(g.rho_dividend, a.rho_dividend, zero);
      merge(g.boundary, edge, edge);
      status = select(
          european, zero,
          select(two, V(double(RowStatus::two_boundaries)), select(solved, zero, V(double(RowStatus::unsolved)))));
    }
    return g;
  }
};

}  // namespace rebalance::pricing
