/// The loops of the rebalance optimum: how every asset answers the multipliers, and the Newton system of the
/// multipliers.
///
/// Sums have one order on every instruction set. What is added over assets runs in eight partial sums, asset i to sum
/// i mod 8; the Newton matrix adds asset after asset to each entry, so that it does not matter how many entries move
/// together. See sizing/rebalance.hpp for the method.
#pragma once

#include "folded.inl"
#include "rebalance/kernels.hpp"
#include "rebalance/simd/pack.hpp"

namespace rebalance::kernels {

/// The trade that minimises curvature/2 x^2 + g x + buy x+ + sell x- + root/1.5 |x|^1.5, no box.
///
/// One side at most pulls: v = -g - buy above 0 or -g + sell below. Then curvature r^2 + root r = |v| in r = sqrt|x|,
/// solved in the form that does not cancel.
template <class V, bool power>
REBALANCE_INLINE V unbounded_trade(V g, V buy, V sell, V curvature, V inverse, V root) {
  const V v = max(-g - buy, V(0.0)) - max(g - sell, V(0.0));
  if constexpr (power) {
    const V size = abs(v);
    const V r = (size + size) / (root + sqrt(fma(root, root, V(4.0) * curvature * size)) + V(1e-300));
    return select(v < V(0.0), -(r * r), r * r);
  } else {
    return v * inverse;
  }
}

template <class V, bool power, bool leverage>
REBALANCE_INLINE V trade_at(const TradeColumns& c, const TradePrices& p, std::size_t i, V g) {
  const V buy = V::load(c.buy + i) + V(p.turnover), sell = V::load(c.sell + i) + V(p.turnover);
  const V curvature = V::load(c.curvature + i), inverse = V::load(c.inverse_curvature + i);
  const V root = power ? V::load(c.root + i) : V(0.0);
  V x;
  if constexpr (leverage) {
    // The kink of leverage |held + x| lies at -held: the answer is the middle of the two one-sided answers and it.
    const V held = V::load(c.held + i);
    x = max(unbounded_trade<V, power>(g + V(p.leverage), buy, sell, curvature, inverse, root),
            min(unbounded_trade<V, power>(g - V(p.leverage), buy, sell, curvature, inverse, root), -held));
  } else {
    x = unbounded_trade<V, power>(g, buy, sell, curvature, inverse, root);
  }
  return min(max(x, V::load(c.lower + i)), V::load(c.upper + i));
}

/// The slopes of the sums along a direction: nothing is stored.
template <class V, bool power, bool leverage>
void trades_along(const TradeColumns& c, const TradePrices& p, TradeSums& sums) noexcept {
  V along = 0.0, turnover = 0.0, gross = 0.0;
  const V step = p.step;
  for (std::size_t i = 0; i < c.rows; i += V::kWidth) {
    const V move = V::load(c.move + i);
    const V x = trade_at<V, power, leverage>(c, p, i, fma(step, move, V::load(c.gradient + i)));
    along = fma(x, move, along);
    turnover = turnover + abs(x);
    if constexpr (leverage) gross = gross + abs(V::load(c.held + i) + x);
  }
  sums.along = folded(along);
  sums.turnover = folded(turnover);
  sums.leverage = folded(gross);
}

/// Takes the step: the gradients move, the trades answer, and each asset says how it would answer a small move more.
/// root_response is the square root of -dx/dgradient, 0 at a kink or an end of the box.
template <class V, bool power, bool leverage>
void trades_respond(const TradeColumns& c, const TradePrices& p, TradeSums& sums) noexcept {
  V total = 0.0, turnover = 0.0, gross = 0.0;
  const V step = p.step;
  for (std::size_t i = 0; i < c.rows; i += V::kWidth) {
    const V g = fma(step, V::load(c.move + i), V::load(c.gradient + i));
    const V x = trade_at<V, power, leverage>(c, p, i, g);
    const auto inside = (x > V::load(c.lower + i)) & (x < V::load(c.upper + i)) & !(x == V(0.0));
    V response;
    if constexpr (power) {
      const V r = sqrt(abs(x)), twice = r + r;
      response = sqrt(twice / (fma(twice, V::load(c.curvature + i), V::load(c.root + i)) + V(1e-300)));
    } else {
      response = sqrt(V::load(c.inverse_curvature + i));
    }
    response = select(inside, response, V(0.0));
    if constexpr (leverage) {
      const V held = V::load(c.held + i);
      response = select((x == -held) & (V(p.leverage) > V(0.0)), V(0.0), response);
      gross = gross + abs(held + x);
    }
    g.store(c.gradient + i);
    x.store(c.trade + i);
    response.store(c.root_response + i);
    total = total + x;
    turnover = turnover + abs(x);
  }
  sums.total = folded(total);
  sums.turnover = folded(turnover);
  sums.leverage = folded(gross);
}

/// What the trades cost and leave: sums of linear cost, impact, specific variance times what is left of the deviation
/// squared, alpha, and leverage.
template <class V>
void trades_account(const AccountColumns& c, AccountSums& sums) noexcept {
  V linear = 0.0, impact = 0.0, specific = 0.0, alpha = 0.0, gross = 0.0;
  for (std::size_t i = 0; i < c.rows; i += V::kWidth) {
    const V x = V::load(c.trade + i), size = abs(x), left = V::load(c.deviation + i) + x;
    linear = fma(size, select(x > V(0.0), V::load(c.buy + i), V::load(c.sell + i)), linear);
    impact = fma(size, fma(V::load(c.power + i), sqrt(size), V(0.5) * V::load(c.quadratic + i) * size), impact);
    specific = fma(V::load(c.specific + i) * left, left, specific);
    alpha = fma(V::load(c.alpha + i), x, alpha);
    gross = gross + abs(V::load(c.held + i) + x);
  }
  sums = {folded(linear), folded(impact), folded(specific), folded(alpha), folded(gross)};
}

/// out = A'd + shift, A in tiles: kTileRows assets of the first factor, the same of the second, ...
template <class V>
void tiles_to_assets(const double* tiles, std::size_t n_factors, std::size_t rows, const double* d, double shift,
                     double* out) noexcept {
  constexpr int kVectors = static_cast<int>(kTileRows) / V::kWidth;
  for (std::size_t row = 0; row < rows; row += kTileRows) {
    V sum[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) sum[v] = V(shift);
    for (std::size_t j = 0; j < n_factors; ++j, tiles += kTileRows) {
      const V factor = d[j];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[v] = fma(V::load(tiles + v * V::kWidth), factor, sum[v]);
    }
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) sum[v].store(out + row + v * V::kWidth);
  }
}

/// out = A x: eight partial sums a factor, in `lanes` (8 n_factors).
template <class V>
void tiles_to_factors(const double* tiles, std::size_t n_factors, std::size_t rows, const double* x, double* lanes,
                      double* out) noexcept {
  static_assert(V::kWidth == 8 && kTileRows == 32);
  for (std::size_t i = 0; i < 8 * n_factors; i += 8) V(0.0).store(lanes + i);
  for (std::size_t row = 0; row < rows; row += kTileRows) {
    const V x0 = V::load(x + row), x1 = V::load(x + row + 8), x2 = V::load(x + row + 16), x3 = V::load(x + row + 24);
    for (std::size_t j = 0; j < n_factors; ++j, tiles += kTileRows) {
      V sum = fma(V::load(tiles), x0, V::load(lanes + 8 * j));
      sum = fma(V::load(tiles + 8), x1, sum);
      sum = fma(V::load(tiles + 16), x2, sum);
      fma(V::load(tiles + 24), x3, sum).store(lanes + 8 * j);
    }
  }
  for (std::size_t j = 0; j < n_factors; ++j) out[j] = folded(V::load(lanes + 8 * j));
}

/// rows of A' = loadings times L (n_factors x width, lower triangular), asset by asset.
template <class V>
void factor_rows(const double* loadings, const double* L, std::size_t n_factors, std::size_t width, std::size_t assets,
                 double* rows) noexcept {
  for (std::size_t i = 0; i < assets; ++i, loadings += n_factors, rows += width) {
    for (std::size_t c = 0; c < width; c += V::kWidth) {
      V sum = 0.0;
      for (std::size_t j = c; j < n_factors; ++j) sum = fma(V(loadings[j]), V::load(L + j * width + c), sum);
      sum.store(rows + c);
    }
  }
}

/// matrix += sum over the chunk of p p', rows r0 .. r0 + R and C vectors of columns from c0.
template <class V, int R, int C>
REBALANCE_INLINE void add_block(const double* packed, std::size_t count, std::size_t width, std::size_t r0,
                                std::size_t c0, double* matrix) {
  V sum[R][C];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) sum[r][c] = V::load(matrix + (r0 + r) * width + c0 + c * V::kWidth);
  }
  for (std::size_t i = 0; i < count; ++i, packed += width) {
    V column[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) column[c] = V::load(packed + c0 + c * V::kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const V row = packed[r0 + r];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) sum[r][c] = fma(row, column[c], sum[r][c]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) sum[r][c].store(matrix + (r0 + r) * width + c0 + c * V::kWidth);
  }
}

/// The Newton matrix, upper triangle: sum over free assets of p p', p = root_response (a_i, 1, sign x, sign (held +
/// x)).
template <class V>
void newton_matrix(const NewtonColumns& c) noexcept {
  constexpr int R = V::kWidth == 8 ? 8 : 4;
  for (std::size_t i = 0; i < c.width * c.width; i += V::kWidth) V(0.0).store(c.matrix + i);
  for (std::size_t first = 0; first < c.count; first += kNewtonChunk) {
    const std::size_t count = c.count - first < kNewtonChunk ? c.count - first : kNewtonChunk;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t asset = c.free[first + i];
      const double response = c.root_response[asset];
      double* p = c.packed + i * c.width;
      for (std::size_t j = 0; j < c.width; j += V::kWidth) {
        (V::load(c.rows + asset * c.width + j) * V(response)).store(p + j);
      }
      p[c.n_factors] = response;
      if (c.size > c.n_factors + 1) p[c.n_factors + 1] = c.trade[asset] > 0.0 ? response : -response;
      if (c.size > c.n_factors + 2) p[c.n_factors + 2] = c.held[asset] + c.trade[asset] > 0.0 ? response : -response;
    }
    for (std::size_t r = 0; r < c.width; r += R) {
      std::size_t column = r;
      for (; column + 3 * V::kWidth <= c.width; column += 3 * V::kWidth) {
        add_block<V, R, 3>(c.packed, count, c.width, r, column, c.matrix);
      }
      for (; column < c.width; column += V::kWidth) {
        add_block<V, R, 1>(c.packed, count, c.width, r, column, c.matrix);
      }
    }
  }
}

/// Cholesky U'U of the upper triangle, in place. `pivot` comes with the least that each pivot may be and leaves with
/// 1 / U_jj. What rounding has left at nothing is raised to that least: the step then runs far along what has no
/// curvature, for the line search to cut.
template <class V>
void newton_factor(double* matrix, std::size_t size, std::size_t width, double* pivot) noexcept {
  for (std::size_t j = 0; j < size; ++j) {
    double* row = matrix + j * width;
    double lane[V::kWidth];
    (V(1.0) / sqrt(V(row[j] > pivot[j] ? row[j] : pivot[j]))).store(lane);
    pivot[j] = lane[0];
    const std::size_t start = j / V::kWidth * V::kWidth;
    for (std::size_t c = start; c < j; ++c) row[c] = 0.0;  // left of the diagonal, where whole vectors reach
    for (std::size_t c = start; c < width; c += V::kWidth) (V::load(row + c) * V(lane[0])).store(row + c);
    for (std::size_t i = j + 1; i < size; ++i) {
      double* below = matrix + i * width;
      const V share = row[i];
      for (std::size_t c = i / V::kWidth * V::kWidth; c < width; c += V::kWidth) {
        fnma(share, V::load(row + c), V::load(below + c)).store(below + c);
      }
    }
  }
}

/// x with U'U x = x as given. Columns from `size` to `width` of the matrix are 0.
template <class V>
void newton_solve(const double* matrix, std::size_t size, std::size_t width, const double* pivot, double* x) noexcept {
  for (std::size_t j = 0; j < size; ++j) {
    const double* row = matrix + j * width;
    const double value = x[j] * pivot[j];
    for (std::size_t c = j / V::kWidth * V::kWidth; c < width; c += V::kWidth) {
      fnma(V(value), V::load(row + c), V::load(x + c)).store(x + c);
    }
    x[j] = value;
  }
  for (std::size_t j = size; j-- > 0;) {
    const double* row = matrix + j * width;
    double rest = x[j];
    for (std::size_t c = j + 1; c < size; ++c) rest -= row[c] * x[c];
    x[j] = rest * pivot[j];
  }
}

}  // namespace rebalance::kernels
