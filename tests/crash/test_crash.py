"""The short form of the crash suite; `suite.py` is the long one."""

from __future__ import annotations

import sys

import pytest
from suite import Tally, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the short crash suite kills with POSIX signals")


def test_a_killed_engine_loses_nothing_and_doubles_nothing() -> None:
    tally = run(5, seed=1)
    assert tally.findings == []
    assert tally.line() == "kills 5, doubled 0, lost 0, differences 0"
    assert tally.orders > 5


def test_an_engine_that_sends_before_it_writes_down_is_caught() -> None:
    tally: Tally = run(1, seed=2, plant="late-intent")
    assert any(text.startswith("I2") for text in tally.findings)
