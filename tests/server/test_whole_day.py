"""A whole trading day over the wire, in two processes, from before the open to after the close, in short; `long_day.py`
is the long form."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from day_audit import audit
from long_day import BRISK, FAIR, Day, Faults, play, storm

from bullet_trade.testing.fault_proxy import Act

GIVEN = 50
"""Orders that the strategy of the day asks for; its price forbids one of them."""


def assert_whole(day: Day) -> None:
    """The day went to its end, with its hooks and the operator's cancel, and both sides agree about all of it."""
    assert day.wrong == []
    assert (day.shown["g"]["before"], day.shown["g"]["after"]) == (1, 1)
    assert day.shown["told"].count("DayClosed") == 1
    assert day.shown["operator"] in ("cancelling", "nothing_open")
    assert day.findings.shares > 0, "something was at stake"
    assert day.findings.orders + day.findings.not_sent + day.shown["told"].count("OrderRefused") == GIVEN


def test_on_a_fair_line_every_order_of_the_day_reaches_the_exchange_once(tmp_path: Path) -> None:
    day = play(tmp_path, FAIR, Random(1))
    assert_whole(day)
    assert (day.findings.orders, day.findings.not_sent) == (GIVEN - 1, 0)
    assert day.shown["operator"] == "cancelling"


def test_in_a_storm_no_order_is_doubled_or_lost_and_trading_goes_on_within_3_s(tmp_path: Path) -> None:
    draw = Random(2)
    day = play(tmp_path, storm(draw, BRISK, frozen_s=5.5), draw)
    assert_whole(day)
    assert day.findings.orders > GIVEN // 2
    assert day.wire.cuts > 3
    assert {Act.TWICE, Act.LATE} <= day.wire.done.keys()
    assert day.wire.outages, "trading went on after the line had been away"


def test_a_client_that_sends_again_under_a_new_key_is_caught_and_so_is_an_exchange_that_lacks_an_order(
    tmp_path: Path,
) -> None:
    day = play(tmp_path, Faults(answers_lost=5), Random(3), plant="new-key")
    assert any("orders at the exchange" in text for text in day.findings.doubled)
    file = tmp_path / "server" / "simulator_main.json"
    account = json.loads(file.read_text(encoding="utf-8"))
    tag = next(iter(account["orders"]))
    assert not any(tag in text for text in day.findings.lost)
    del account["orders"][tag]
    file.write_text(json.dumps(account), encoding="utf-8")
    assert any(tag in text for text in audit(tmp_path, day.wire.keys, day.shown).lost)
