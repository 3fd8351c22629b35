"""The examples in docstrings."""

import doctest

import pytest

from rebalance_core import triggers, venues
from rebalance_core.sizing import _rebalance, _weights
from rebalance_core.venues import _settlement


@pytest.mark.parametrize("module", [_rebalance, _weights, triggers, venues, _settlement], ids=lambda m: m.__name__)
def test_examples_give_what_they_show(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
