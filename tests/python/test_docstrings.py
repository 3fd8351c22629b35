"""The examples in docstrings."""

import doctest

import pytest

from rebalance_core import sizing, triggers, venues
from rebalance_core.sizing import _rebalance, _roll, _weights
from rebalance_core.venues import _settlement

MODULES = [_rebalance, _roll, _weights, triggers, venues, _settlement]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples_give_what_they_show(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("compiled", [sizing.hedge, sizing.HedgeSolver], ids=lambda c: c.__name__)
def test_examples_of_compiled_functions_give_what_they_show(compiled):
    example = doctest.DocTestParser().get_doctest(compiled.__doc__, {}, compiled.__name__, None, 0)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0
