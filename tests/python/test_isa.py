"""Which instruction set runs, and how a user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import rebalance_core as rc
from rebalance_core import _core

ASK = "import rebalance_core; print(rebalance_core.active_isa())"


def ask(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ASK], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_best_supported_set_is_in_use_unless_told_otherwise():
    assert ask(REBALANCE_ISA="").stdout.strip() == rc.supported_isas()[0], "an empty value is none"


@pytest.mark.parametrize("name", rc.supported_isas())
def test_the_environment_chooses_among_the_supported_sets(name):
    assert ask(REBALANCE_ISA=name).stdout.strip() == name


def test_a_set_that_is_not_there_is_refused_with_the_ones_that_are():
    refused = ask(REBALANCE_ISA="avx1024")
    assert refused.returncode != 0
    assert "'avx1024'" in refused.stderr
    assert all(name in refused.stderr for name in rc.supported_isas())


def test_switching_to_an_unknown_set_changes_nothing():
    before = rc.active_isa()
    with pytest.raises(ValueError, match="avx1024"):
        _core._use_isa("avx1024")
    assert rc.active_isa() == before


def test_importing_leaves_subnormal_numbers_alone():
    """Fast-math start-up code in a shared object would flush them to zero in the whole process."""
    smallest = 5e-324
    assert smallest * 1.0 > 0.0
    assert 1e-310 / 2.0 == 5e-311
