"""The examples in docstrings."""

import doctest

import pytest

from rebalance_core import sizing, triggers


@pytest.mark.parametrize("module", [sizing, triggers], ids=lambda m: m.__name__)
def test_examples_give_what_they_show(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
