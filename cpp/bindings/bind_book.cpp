/// Instruments, Market, Book.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <cmath>
#include <optional>

#include "bind.hpp"
#include "columns.hpp"
#include "rebalance/book/book.hpp"
#include "rebalance/book/instruments.hpp"
#include "rebalance/book/market.hpp"

namespace rebalance::bindings {
namespace {

using SharedInstruments = std::shared_ptr<Instruments>;

SharedInstruments make_instruments(const std::vector<std::string>& underlyings, const std::vector<std::string>& symbol,
                                   const ArrayLike& kind, const ArrayLike& underlying, const ArrayLike& expiry_ns,
                                   const py::typing::Dict<py::str, Floats>& numbers) {
  InstrumentColumns c;
  c.underlyings = underlyings;
  c.symbol = symbol;
  for (const std::uint8_t k : ArrayColumn<std::uint8_t>(kind, "kind", NPY_UINT8).span()) {
    c.kind.push_back(static_cast<Kind>(k));
  }
  c.underlying = ArrayColumn<std::int32_t>(underlying, "underlying", NPY_INT32).copy();
  c.expiry_ns = ArrayColumn<std::int64_t>(expiry_ns, "expiry_ns", NPY_INT64).copy();
  for (const NumericColumn& column : kNumericColumns) {
    if (numbers.contains(column.name)) {
      c.*column.member = ArrayColumn<double>(numbers[column.name], column.name, NPY_DOUBLE).copy();
    }
  }
  return std::make_shared<Instruments>(std::move(c));
}

std::size_t underlying_of(const Instruments& in, const IndexOrName& u) {
  return index_of(u, in.n_underlyings(), "underlying", in.columns().underlyings,
                  [&](std::string_view name) { return in.find_underlying(name); });
}

std::size_t row_of(const Instruments& in, const IndexOrName& row) {
  return index_of(row, in.size(), "instrument", in.columns().symbol,
                  [&](std::string_view symbol) { return in.find_symbol(symbol); });
}

std::size_t checked_node(const Instruments& in, const Index& node) {
  return index_of(node, in.n_nodes(), "node", {}, [](std::string_view) { return -1; });
}

/// The node of (underlying, expiry), or KeyError with the expiries there are.
std::size_t find_node(const Instruments& in, const IndexOrName& underlying, Nanos expiry_ns) {
  const std::size_t u = underlying_of(in, underlying);
  std::string known;
  for (std::size_t n = in.node_begin(u); n < in.node_begin(u + 1); ++n) {
    if (in.nodes()[n].expiry_ns == expiry_ns) return n;
    known += (known.empty() ? "" : ", ") + std::to_string(in.nodes()[n].expiry_ns);
  }
  throw py::key_error("nothing on " + in.columns().underlyings[u] + " expires at " + std::to_string(expiry_ns) +
                      " ns; its expiries are (0: spot, " + std::to_string(kPerpetualExpiry) + ": perpetual): " + known);
}

template <class T, class F>
std::vector<T> per_node(const Instruments& in, F field) {
  std::vector<T> column;
  for (const Node& node : in.nodes()) column.push_back(field(node));
  return column;
}

}  // namespace

void bind_instruments(py::module_& m) {
  py::class_<Instruments, SharedInstruments> instruments(m, "Instruments");
  instruments.def(py::init(&make_instruments), py::arg("underlyings"), py::arg("symbol"), py::arg("kind"),
                  py::arg("underlying"), py::arg("expiry_ns"), py::arg("numbers"));
  instruments.def("__len__", &Instruments::size);
  instruments.def_property_readonly(
      "underlyings", [](const Instruments& in) { return in.columns().underlyings; },
      "Names, in the order of their index.");
  instruments.def_property_readonly(
      "symbol", [](const Instruments& in) { return in.columns().symbol; }, "Names of the rows.");
  instruments.def_property_readonly("n_underlyings", &Instruments::n_underlyings);
  instruments.def_property_readonly("n_nodes", &Instruments::n_nodes, "How many (underlying, expiry) pairs there are.");
  instruments.def_property_readonly(
      "_kind", [](const py::object& self) { return view(self, py::cast<const Instruments&>(self).columns().kind); });
  instruments.def_property_readonly("_underlying", [](const py::object& self) {
    return view(self, py::cast<const Instruments&>(self).columns().underlying);
  });
  instruments.def_property_readonly(
      "expiry_ns",
      [](const py::object& self) { return view(self, py::cast<const Instruments&>(self).columns().expiry_ns); },
      "Nanoseconds since 1970; 0 for spot, the largest int64 for perpetuals.");
  for (const NumericColumn& column : kNumericColumns) {
    instruments.def_property_readonly(column.name, [member = column.member](const py::object& self) {
      return view(self, py::cast<const Instruments&>(self).columns().*member);
    });
  }
  instruments.def_property_readonly_static(
      "_numeric_columns",
      [](const py::object&) {
        py::typing::Dict<py::str, py::float_> defaults;
        for (const NumericColumn& column : kNumericColumns) defaults[column.name] = column.missing;
        return defaults;
      },
      "Numeric columns and what a row gets where the column is left out.");
  instruments.def_property_readonly("_node_underlying", [](const Instruments& in) {
    return per_node<std::int32_t>(in, [](const Node& n) { return n.underlying; });
  });
  instruments.def_property_readonly("_node_expiry_ns", [](const Instruments& in) {
    return per_node<Nanos>(in, [](const Node& n) { return n.expiry_ns; });
  });
  instruments.def_property_readonly(
      "row_node", [](const py::object& self) { return view(self, py::cast<const Instruments&>(self).row_node()); },
      "Node of each row.");
  instruments.def("_node", &find_node, py::arg("underlying"), py::arg("expiry_ns"));
  instruments.def("underlying_index", &underlying_of, py::arg("underlying"), "Index of an underlying given by name.");
  instruments.def("row", &row_of, py::arg("symbol"), "Row of an instrument given by symbol.");

  py::tuple words(kKindCount);
  for (int k = 0; k < kKindCount; ++k) words[k] = py::str(std::string(to_string(static_cast<Kind>(k))));
  m.attr("KINDS") = words;
}

void bind_market(py::module_& m) {
  py::class_<Market, std::shared_ptr<Market>> market(
      m, "Market", "Index per underlying, price and rate per (underlying, expiry), vol per option.");
  const auto ts = py::arg("ts_event_ns") = 0;
  market.def(py::init([](SharedInstruments instruments) { return std::make_shared<Market>(std::move(instruments)); }),
             py::arg("instruments"));
  market.def(
      "set_index",
      [](Market& self, const IndexOrName& u, double price, Nanos t) {
        self.set_index(underlying_of(*self.instruments(), u), price, t);
      },
      py::arg("underlying"), py::arg("price"), ts, "Index price of an underlying, quote currency.");
  market.def(
      "move",
      [](Market& self, const IndexOrName& u, double price, Nanos t) {
        self.move(underlying_of(*self.instruments(), u), price, t);
      },
      py::arg("underlying"), py::arg("price"), ts,
      "Index price, and every spot, perpetual and forward price of the underlying by the same ratio.");
  market.def(
      "set_price",
      [](Market& self, const Index& node, double price, Nanos t) {
        self.set_price(checked_node(*self.instruments(), node), price, t);
      },
      py::arg("node"), py::arg("price"), ts, "Price of a node: its spot, perpetual mark or forward.");
  market.def(
      "set_rate",
      [](Market& self, const Index& node, double rate) {
        self.set_rate(checked_node(*self.instruments(), node), rate);
      },
      py::arg("node"), py::arg("rate"), "Continuous discount rate of a node, per year; 0 unless set.");
  market.def(
      "set_vol",
      [](Market& self, const IndexOrName& instrument, double vol, Nanos t) {
        self.set_vol(row_of(*self.instruments(), instrument), vol, t);
      },
      py::arg("instrument"), py::arg("vol"), ts, "Volatility of one option, per square root of a year.");
  market.def(
      "set_indices",
      [](Market& self, const ArrayLike& prices, Nanos t) {
        const auto column = as_column(prices, "prices", self.instruments()->n_underlyings(), "underlyings");
        self.set_indices(column.span(), t);
      },
      py::arg("prices"), ts, "Index prices of all underlyings.");
  market.def(
      "set_prices",
      [](Market& self, const ArrayLike& prices, Nanos t) {
        const auto column = as_column(prices, "prices", self.instruments()->n_nodes(), "nodes");
        self.set_prices(column.span(), t);
      },
      py::arg("prices"), ts, "Prices of all nodes.");
  market.def(
      "set_rates",
      [](Market& self, const ArrayLike& rates) {
        const auto column = as_column(rates, "rates", self.instruments()->n_nodes(), "nodes");
        self.set_rates(column.span());
      },
      py::arg("rates"), "Discount rates of all nodes.");
  market.def(
      "set_vols",
      [](Market& self, const ArrayLike& vols, Nanos t) {
        const auto column = as_column(vols, "vols", self.instruments()->size(), "instruments");
        self.set_vols(column.span(), t);
      },
      py::arg("vols"), ts, "Volatilities, one per instrument; entries of rows that are not options are not read.");
  market.def(
      "_set_surface",
      [](Market& self, const IndexOrName& u, const std::optional<std::shared_ptr<Surface>>& surface, double share,
         Nanos t) {
        if (!std::isfinite(share)) throw py::value_error("share must be finite, got " + std::to_string(share));
        self.set_surface(underlying_of(*self.instruments(), u), surface.value_or(nullptr), share, t);
      },
      py::arg("underlying"), py::arg("surface"), py::arg("share"), ts,
      "Vols of the options on an underlying from a surface; None: by hand again.");
  const auto column = [&](const char* name, const std::vector<double>& (Market::*member)() const noexcept,
                          const char* doc) {
    market.def_property_readonly(
        name, [member](const py::object& self) { return view(self, (py::cast<const Market&>(self).*member)()); }, doc);
  };
  column("index", &Market::index, "Per underlying, as set.");
  column("price", &Market::price, "Per node, as set.");
  column("rate", &Market::rate, "Per node.");
  column("vol", &Market::vol, "Per instrument, as set or as the surface has it now.");
  column("vol_slope", &Market::vol_slope, "Per instrument: dvol/dk of a smile that moves with the forward, else 0.");
}

void bind_holdings(py::module_& m) {
  py::class_<Book, std::shared_ptr<Book>> book(m, "Book", "Positions and cash.");
  book.def(
      py::init([](SharedInstruments instruments, const ArrayLike& quantity, const std::optional<ArrayLike>& entry_price,
                  double cash, const std::optional<ArrayLike>& coin_cash, const std::string& numeraire) {
        if (numeraire != "quote" && numeraire != "coin") {
          throw py::value_error("numeraire must be 'quote' or 'coin', got '" + numeraire + "'");
        }
        const std::size_t n = instruments->size();
        const auto held = as_column(quantity, "quantity", n, "instruments");
        std::vector<double> entry, coins;
        if (entry_price) entry = as_column(*entry_price, "entry_price", n, "instruments").copy();
        if (coin_cash) {
          coins = as_column(*coin_cash, "coin_cash", instruments->n_underlyings(), "underlyings").copy();
        }
        return std::make_shared<Book>(std::move(instruments), held.span(), entry, cash, coins,
                                      numeraire == "coin" ? Numeraire::coin : Numeraire::quote);
      }),
      py::arg("instruments"), py::arg("quantity"), py::arg("entry_price") = py::none(), py::arg("cash") = 0.0,
      py::arg("coin_cash") = py::none(), py::arg("numeraire") = "quote");
  const auto finite = [](double x, const char* name) {
    if (!std::isfinite(x)) throw py::value_error(std::string(name) + " must be finite, got " + std::to_string(x));
  };
  book.def(
      "fill",
      [finite](Book& self, const IndexOrName& instrument, double quantity, std::optional<double> price, double fee) {
        const std::size_t row = row_of(*self.instruments(), instrument);
        finite(quantity, "quantity");
        finite(fee, "fee");
        const double at = price.value_or(kNaN);
        if (!price && self.tracks_entry(row)) {
          throw py::value_error("a fill of '" + self.instruments()->columns().symbol[row] +
                                "' needs its price: the book keeps the profit of this row");
        }
        if (price && !(at > 0.0 && std::isfinite(at))) {
          throw py::value_error("price must be above 0 and finite, got " + std::to_string(at));
        }
        self.fill(row, quantity, at, fee);
      },
      py::arg("instrument"), py::arg("quantity"), py::arg("price") = py::none(), py::arg("fee") = 0.0,
      "Book a fill: contracts bought (> 0) or sold, in place. The price (coin for inverse options, else quote) moves "
      "cash\n"
      "or the entry basis; the fee is paid in the currency that the contract settles in.");
  book.def(
      "set_quantity",
      [finite](Book& self, const IndexOrName& instrument, double quantity, double entry_price) {
        const std::size_t row = row_of(*self.instruments(), instrument);
        finite(quantity, "quantity");
        self.set_quantity(row, quantity, entry_price);
      },
      py::arg("instrument"), py::arg("quantity"), py::arg_v("entry_price", kNaN, "float('nan')"),
      "The position as an account reports it. Without an entry price its profit counts as settled.");
  book.def(
      "set_quantities",
      [](Book& self, const ArrayLike& quantity, const std::optional<ArrayLike>& entry_price) {
        const auto held = as_column(quantity, "quantity", self.instruments()->size(), "instruments");
        for (std::size_t i = 0; i < held.span().size(); ++i) {
          if (!std::isfinite(held.span()[i])) {
            throw py::value_error("quantity[" + std::to_string(i) + "] must be finite, got " +
                                  std::to_string(held.span()[i]));
          }
        }
        std::vector<double> entry;
        if (entry_price) entry = as_column(*entry_price, "entry_price", held.span().size(), "instruments").copy();
        self.set_quantities(held.span(), entry);
      },
      py::arg("quantity"), py::arg("entry_price") = py::none(), "All positions as an account reports them.");
  book.def_property(
      "cash", &Book::cash,
      [finite](Book& self, double cash) {
        finite(cash, "cash");
        self.set_cash(cash);
      },
      "Quote currency.");
  book.def(
      "set_coin_cash",
      [finite](Book& self, const IndexOrName& underlying, double coins) {
        const std::size_t u = underlying_of(*self.instruments(), underlying);
        finite(coins, "coins");
        self.set_coin_cash(u, coins);
      },
      py::arg("underlying"), py::arg("coins"), "Coins held as cash and collateral.");
  book.def_property_readonly(
      "quantity", [](const py::object& self) { return view(self, py::cast<const Book&>(self).quantity()); },
      "Contracts per instrument; a view that fills change in place.");
  book.def_property_readonly(
      "coin_cash", [](const py::object& self) { return view(self, py::cast<const Book&>(self).coin_cash()); },
      "Coins per underlying.");
  book.def_property_readonly("numeraire",
                             [](const Book& self) { return self.numeraire() == Numeraire::coin ? "coin" : "quote"; });
}

void bind_book(py::module_& m) {
  bind_instruments(m);
  bind_market(m);
  bind_holdings(m);
}

}  // namespace rebalance::bindings
