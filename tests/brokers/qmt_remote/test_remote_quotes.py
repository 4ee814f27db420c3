"""Quotes and history over the wire: from a server of ours, and from one as it is deployed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from random import Random

import numpy as np
import pytest
from old_server import Answer, Counterparty, OldServer, raising
from remote_world import PATIENCE_S, QUICK, TOKEN, ExchangeTime, ServedExchange

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import MarketData
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.qmt_remote.data import RemoteMarketData
from bullet_trade.quotes.qmt_remote.ticks import DataLink
from bullet_trade.remote.line import Address
from bullet_trade.testing.broker_world import Disturbance
from bullet_trade.testing.fault_proxy import Act, FaultProxy, Passage

NOW = datetime(2026, 1, 5, 10, 0)
PAB, PUDONG = Code("000001.XSHE"), Code("600000.XSHG")
DAY = date(2025, 6, 3)


class Ours:
    """A server of ours with the simulated exchange's prices behind it, and a count of the questions about history."""

    def __init__(self, directory: Path) -> None:
        self.served = ServedExchange(Disturbance.NONE, directory)
        self.market: MarketData = self.served.exchange._quotes._data
        self.questions: list[bytes] = []
        self.proxy = FaultProxy(self.served.port, Random(1), rule=self._count)
        where = Address("127.0.0.1", self.proxy.port)
        self.link = DataLink(where, TOKEN, self.served.clock, Random(2), QUICK).opened()
        self.data = RemoteMarketData(self.link)

    def _count(self, passage: Passage) -> Act:
        if passage.up and b"data.history" in passage.body:
            self.questions.append(passage.body)
        return Act.PASS

    def close(self) -> None:
        self.link.close()
        self.proxy.close()
        self.served.stop()


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Ours]:
    made = Ours(tmp_path)
    yield made
    made.close()


def test_days_minutes_and_descriptions_are_those_of_the_servers_source(ours: Ours) -> None:
    code = ours.served.exchange.code
    ours.served.on_account(ours.served.exchange.next_day)  # the day before is over
    got, real = ours.data.daily(code, DAY, DAY), ours.market.daily(code, DAY, DAY)
    assert got.days.tolist() == real.days.tolist()
    for name in ("open", "high", "low", "close", "volume", "money", "prev_close", "paused"):
        assert getattr(got, name).tolist() == getattr(real, name).tolist(), name
    minutes, expected = ours.data.minutes(code, DAY), ours.market.minutes(code, DAY)
    assert minutes is not None and expected is not None
    assert np.array_equal(minutes.close, expected.close)
    assert np.array_equal(minutes.volume, expected.volume)
    security, described = ours.data.security(code), ours.market.security(code)
    assert security is not None and described is not None
    assert (security.code, security.name, security.kind, security.board, security.list_date) == (
        described.code, described.name, described.kind, described.board, described.list_date,
    )  # fmt: skip
    assert ours.data.security(Code("000999.XSHE")) is None
    assert DAY in (ours.data.trading_days() or ())


def test_of_the_running_day_there_is_what_has_ended(ours: Ours) -> None:
    code = ours.served.exchange.code
    bars = ours.data.minutes(code, DAY)  # it is 10:00
    assert bars is not None
    assert bars.volume[:30].all()
    assert not bars.volume[30:].any()


def test_what_was_asked_for_together_is_asked_for_in_one_question_the_next_time(ours: Ours) -> None:
    codes = [ours.served.exchange.code, *(Code(f"{number:06d}.XSHE") for number in range(1, 50))]
    days = [date(2025, 5, 29), date(2025, 5, 30)]
    for code in codes[1:]:
        ours.market.add(code, dict.fromkeys(days, 10.0), prev_close=10.0)
    for day in days:
        for code in codes:
            bars = ours.data.minutes(code, day)
            assert (bars is not None) is (code != codes[0])
    assert len(ours.questions) == len(codes) + 1


def test_an_unknown_code_has_no_bars_and_is_no_error(ours: Ours) -> None:
    assert ours.data.minutes(PAB, date(2025, 5, 29)) is None
    assert len(ours.data.daily(PAB, date(2025, 5, 29), DAY)) == 0


# -- a deployed server -------------------------------------------------------------------------------------------------


def _live(payload: dict[str, object]) -> object:
    return {"last_price": 10.5, "high_limit": 11.0, "low_limit": 9.0, "paused": False}


def _snapshot(payload: dict[str, object]) -> object:
    return {"sid": payload["security"], "last_price": 10.5, "dt": "2026-01-05 09:59:57"}


def _history(payload: dict[str, object]) -> object:
    """Two days as an 0.9.2 server sends them: no index, the terminal's time column, volumes in lots, NaN for what is
    not known."""
    names = payload["fields"]
    rows = {
        "time": [1767110400000, 1767196800000], "open": [10.0, 10.1], "high": [10.4, 10.5], "low": [9.9, 10.0],
        "close": [10.2, 10.3], "volume": [1000, 2000], "money": [float("nan"), 2.0e6], "preClose": [10.0, 10.2],
        "suspendFlag": [0, 0],
    }  # fmt: skip
    records = [[rows[name][place] for name in names] for place in range(2)]
    return {"dtype": "dataframe", "columns": names, "records": records}


class Deployed:
    def __init__(self, **changed: Answer) -> None:
        actions: dict[str, Answer] = {
            **Counterparty().actions,
            "data.live_current": _live,
            "data.snapshot": _snapshot,
            "data.history": _history,
            "data.subscribe": lambda payload: {"count": len(payload["securities"])},
            "data.unsubscribe": lambda _: {"count": 0},
            "data.security_info": lambda payload: {
                "dtype": "dict",
                "value": {"name": "平安", "start_date": "1991-04-03"},
            },
            "data.get_split_dividend": lambda _: {"events": []},
            "data.trade_days": lambda _: {"dtype": "list", "values": ["2025-12-31 00:00:00", "2026-01-05 00:00:00"]},
        }
        self.server = OldServer({**actions, **{f"data.{name}": act for name, act in changed.items()}})
        clock = ExchangeTime(lambda: NOW)
        where = Address("127.0.0.1", self.server.port)
        self.link = DataLink(where, self.server.token, clock, Random(2), QUICK).opened()
        self.ticks: list[Tick] = []
        self._came = threading.Condition()

    def sink(self, tick: Tick) -> None:
        with self._came:
            self.ticks.append(tick)
            self._came.notify_all()

    def tick_came(self, count: int) -> bool:
        with self._came:
            return self._came.wait_for(lambda: len(self.ticks) >= count, PATIENCE_S)

    def subscriptions(self) -> list[object]:
        return [r["payload"]["securities"] for r in self.server.requests if r["action"] == "data.subscribe"]

    def close(self) -> None:
        self.link.close()
        self.server.close()


@pytest.fixture
def deployed() -> Iterator[Deployed]:
    made = Deployed()
    yield made
    made.close()


def test_tables_without_an_index_are_dated_by_their_time_column_and_lots_become_shares(deployed: Deployed) -> None:
    """Wire document, sections 7 and 8.1."""
    bars = RemoteMarketData(deployed.link).daily(PAB, date(2025, 12, 31), date(2026, 1, 1))
    assert bars.days.tolist() == [date(2025, 12, 31), date(2026, 1, 1)]
    assert bars.volume.tolist() == [100_000, 200_000]
    assert np.isnan(bars.money[0])
    assert bars.prev_close.tolist() == [10.0, 10.2]


def test_before_its_first_bar_the_running_day_is_measured_against_the_ex_rights_price() -> None:
    """L01: on an ex-day the last close is no reference."""
    event = {"date": "2026-01-05", "scale_factor": 1.5, "bonus_pre_tax": 3.0, "per_base": 10}
    made = Deployed(get_split_dividend=lambda _: {"events": [event]})
    bars = RemoteMarketData(made.link).daily(PAB, date(2025, 12, 31), date(2026, 1, 5))
    assert bars.days.tolist()[-1] == date(2026, 1, 5)
    assert bars.prev_close[-1] == pytest.approx(6.67)  # (10.3 - 0.3) / 1.5
    made.close()


def test_a_quote_of_a_deployed_server_is_its_snapshot_with_its_own_time(deployed: Deployed) -> None:
    tick = deployed.link.snapshot([PAB])[PAB]
    assert (tick.current, tick.datetime) == (10.5, datetime(2026, 1, 5, 9, 59, 57))
    told = deployed.link.details(PAB)
    assert (told.high_limit, told.low_limit, told.paused, told.prev_close) == (11.0, 9.0, False, None)


@pytest.mark.parametrize("empty", [{}, {"last_price": None}, {"last_price": float("nan"), "dt": "2026-01-05"}])
def test_a_quote_that_says_nothing_is_none(empty: object) -> None:
    """Wire document 18.4, 7."""
    made = Deployed(snapshot=lambda _: empty, live_current=lambda _: {})
    assert made.link.snapshot([PAB]) == {}
    assert made.link.details(PAB).high_limit is None
    made.close()


def test_subscriptions_come_back_after_the_connection_does(deployed: Deployed) -> None:
    deployed.link.subscribe([PAB, PUDONG], deployed.sink)
    assert deployed.server.wait(lambda: len(deployed.subscriptions()) == 1)
    deployed.server.cut()
    assert deployed.server.wait(lambda: len(deployed.subscriptions()) == 2)
    assert deployed.subscriptions()[1] == [PAB, PUDONG]
    payload = {"symbol": "000001.XSHE", "sid": "000001.XSHE", "last_price": 9.87, "dt": "2026-01-05 10:00:02"}
    deployed.server.push({"type": "event", "event": "tick", "payload": payload})
    assert deployed.tick_came(1)
    assert (deployed.ticks[0].code, deployed.ticks[0].current) == (PAB, 9.87)


def test_one_security_that_is_refused_keeps_no_other_from_its_quotes() -> None:
    """D04: B fails twice, A flows, B is tried until it works."""
    left = [2]

    def subscribe(payload: dict[str, object]) -> object:
        wanted = list(payload["securities"])
        if PUDONG in wanted and left[0] > 0:
            left[0] -= 1
            return raising("REQUEST_FAILED", "订阅失败")(payload)
        return {"count": len(wanted)}

    made = Deployed(subscribe=subscribe)
    made.link.renew_s = 0.05
    made.link.subscribe([PAB, PUDONG], made.sink)
    assert made.server.wait(lambda: [PAB] in made.subscriptions())
    assert made.server.wait(lambda: made.subscriptions().count([PUDONG]) == 2)
    assert left == [0]
    made.close()


def test_a_source_that_is_away_is_an_error_and_not_an_empty_answer(deployed: Deployed) -> None:
    deployed.server.close()
    data = RemoteMarketData(deployed.link)
    with pytest.raises(DataError):
        for _ in range(1000):
            data.trading_days()
            data = RemoteMarketData(deployed.link)


def test_a_server_that_cannot_be_reached_is_named_at_the_start() -> None:
    away = OldServer({})
    away.close()
    with pytest.raises(UsageError, match="QMT_SERVER_HOST"):
        DataLink(Address("127.0.0.1", away.port), "t", ExchangeTime(lambda: NOW), Random(2), QUICK).opened()
