"""The acceptance, step by step, at a stand-in terminal through the vendor's own Python layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from bullet_trade.cli.main import app
from bullet_trade.domain.errors import DataError
from bullet_trade.domain.money import price
from bullet_trade.domain.securities import Code
from bullet_trade.engine.clock import WallClock
from bullet_trade.ops.doctor.acceptance import Bench, accept, far_below, report, unit
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import DayBar, Snapshot
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.book import Book
from bullet_trade.testing.fake_qmt.install import serve, wheel_is_there, withdraw
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal
from bullet_trade.testing.fake_qmt.world import PREFIX, QmtWorld

pytestmark = pytest.mark.skipif(not wheel_is_there(), reason="xtquant is not installed")

NOW = datetime(2025, 6, 3, 10)
CODE = Code("600000.XSHG")


class Quotes(NamedTuple):
    """1,000 lots at 10 yuan on average."""

    now: Snapshot | None = Snapshot(NOW, 10.0, 10.2, 9.9, 1_000.0, 1_000_000.0)

    def snapshot(self, code: Code) -> Snapshot | None:
        return self.now

    def day_bars(self, code: Code) -> Sequence[DayBar]:
        return [DayBar("20250602", 10.2, 9.9, 1_000.0, 1_000_000.0)]


@pytest.fixture
def worlds() -> Iterator[Callable[..., QmtWorld]]:
    made: list[QmtWorld] = []

    def make(**behaviour: object) -> QmtWorld:
        made.append(QmtWorld(behaviour=Behaviour(**behaviour)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for world in made:
        world.close()


def bench(world: QmtWorld, order_in: Code | None = None, reconnect: Callable[[], None] | None = None) -> Bench:
    def wait(done: Callable[[], bool], limit_s: float) -> bool:
        until = world.timers.now() + timedelta(seconds=limit_s)
        while not done() and world.timers.now() < until:
            world.run(0.5)
        return done()

    return Bench(world.broker, Quotes, wait, world.timers.now, CODE, f"{PREFIX}1", order_in, reconnect)


def outcome(findings: list[Finding]) -> dict[str, Level]:
    return {one.name: one.level for one in findings}


def test_everything_is_done_at_a_good_terminal_and_no_order_is_left(worlds: Callable[..., QmtWorld]) -> None:
    world = worlds()

    def restart() -> None:
        world.lose_link()
        world.run(60.0)
        world.restore_link()

    found = list(accept(bench(world, CODE, restart)))
    assert outcome(found) == dict.fromkeys(
        ("connect", "quotes", "tick_unit", "history", "bar_unit", "place", "cancel", "reconnect"), Level.OK
    )
    (order,) = world.book.orders
    assert (order.ticket.amount, order.ticket.limit_price) == (100, 95_000)
    assert not world.book.account.trades


def test_no_order_is_placed_unasked(worlds: Callable[..., QmtWorld]) -> None:
    world = worlds()
    found = list(accept(bench(world)))
    assert outcome(found)["order"] is Level.SKIPPED
    assert "orderStock" not in world.terminal.requests


def test_without_a_connection_the_steps_that_need_it_are_not_taken(worlds: Callable[..., QmtWorld]) -> None:
    world = worlds(refuse_connections=1_000)
    found = list(accept(bench(world, CODE)))
    assert outcome(found)["connect"] is Level.FAILED
    assert outcome(found)["order"] is Level.SKIPPED
    assert world.book.orders == []


def test_a_cancel_that_is_not_confirmed_sends_a_person_to_the_terminal(worlds: Callable[..., QmtWorld]) -> None:
    found = list(accept(bench(worlds(lose_cancels=True), CODE)))
    assert outcome(found)["cancel"] is Level.FAILED
    assert "手工撤单" in found[-2].remedy


def test_an_order_that_is_interrupted_is_cancelled(worlds: Callable[..., QmtWorld]) -> None:
    world = worlds()
    made = bench(world, CODE)
    patience = made.wait

    def interrupted(done: Callable[[], bool], limit_s: float) -> bool:
        if world.book.orders:
            raise KeyboardInterrupt
        return patience(done, limit_s)

    made.wait = interrupted
    with pytest.raises(KeyboardInterrupt):
        list(accept(made))
    world.run(5.0)
    assert "cancelOrderStock" in world.terminal.requests


def test_an_order_without_an_answer_is_cancelled_all_the_same(worlds: Callable[..., QmtWorld]) -> None:
    world = worlds(mute=False, no_answer_to_orders=True)
    found = list(accept(bench(world, CODE)))
    assert outcome(found)["cancel"] is Level.OK


@pytest.mark.parametrize(
    ("volume", "money", "level", "told"),
    [
        (1_000.0, 1_000_000.0, Level.OK, "手"),
        (100_000.0, 1_000_000.0, Level.FAILED, "股"),
        (1_000.0, 5_000_000.0, Level.FAILED, "不论按手按股"),
        (0.0, 0.0, Level.SKIPPED, "没有成交"),
    ],
)
def test_the_unit_of_volume_follows_from_the_days_average_price(
    volume: float, money: float, level: Level, told: str
) -> None:
    found = unit("tick_unit", "单位", volume, money, 9.9, 10.2)
    assert found.level is level
    assert told in found.what


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_command_goes_through_the_adapter_and_writes_the_report(
    form: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the machine's clock, with the adapter's own threads; the stand-in has no quotes, so nothing is ordered."""
    clock, account = WallClock(), "8800123456"
    directory = tmp_path / "userdata_mini"
    directory.mkdir()
    book = Book(clock.now, {CODE: price(10.0)}, {CODE: 300})
    terminal = FakeTerminal(directory, account, book, clock.now)
    serve(terminal)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QMT_DATA_PATH", str(directory))
    monkeypatch.setenv("QMT_ACCOUNT_ID", account)
    try:
        done = CliRunner().invoke(app, ["doctor", "--broker", "qmt", "--with-order", "600000.XSHG", "--yes", *form])
    finally:
        withdraw(terminal)
        terminal.close()
    page = (tmp_path / "acceptance.md").read_text(encoding="utf-8")
    assert done.exit_code == 1
    assert "| 连接和订阅 | 通过 | QMT（尾号 3456），资金 1,000,000.00 元，持仓 1 只" in page
    assert "没有发出委托" in page
    assert account not in page + done.output
    assert book.orders == []
    if form:
        first = json.loads(done.stdout)[0]
        assert (first["name"], first["level"], first["title"]) == ("connect", "ok", "连接和订阅")
    else:
        assert "报告 acceptance.md" in done.stdout


@pytest.mark.parametrize("quote", [None, Snapshot(NOW, 0.0, 0.0, 0.0, 0.0, 0.0)])
def test_without_a_price_no_order_is_priced(quote: Snapshot | None) -> None:
    with pytest.raises(DataError, match="没有最新价"):
        far_below(quote, CODE)


def test_the_report_is_a_table_with_a_verdict() -> None:
    done = Finding("connect", "连接", Level.OK, "a|b")
    bad = Finding("cancel", "撤单", Level.FAILED, "没有确认", "可能还在市场", "手工撤单")
    page = report([done, bad], NOW, {"xtquant": "250807"})
    assert "| 连接 | 通过 | a／b |" in page
    assert "| 撤单 | 不通过 | 没有确认 | 可能还在市场。手工撤单 |" in page
    assert "先不要实盘" in page
    assert "xtquant：250807" in page
