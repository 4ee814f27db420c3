"""Each question of the manual's 常见问题 is provoked; `doctor`, an error or a line of the log answers it with what to
do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread

import pytest

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.money import money
from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.events import OrderRefused
from bullet_trade.engine.risk_guard import guard
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.here import look_at, this_site
from bullet_trade.ops.doctor.site import Site
from bullet_trade.ops.doctor.table import examine
from bullet_trade.ops.narration import narrate
from bullet_trade.ops.settings import Settings
from bullet_trade.remote.messages import ErrorFrame
from bullet_trade.store import runtime_dir
from bullet_trade.store.account_lock import lock_account
from bullet_trade.store.generations import Generations
from bullet_trade.store.locks import Held
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import DaysRun, run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.fake_qmt.behaviour import Behaviour
from bullet_trade.testing.fake_qmt.install import wheel_is_there
from bullet_trade.testing.fake_qmt.world import QmtWorld
from bullet_trade.testing.socket_counter import read_frame, write_frame

DAY, NEXT = date(2025, 12, 3), date(2025, 12, 4)
CODE = "600000.XSHG"
BUYS = """
def initialize(context):
    run_daily(buy, '10:00')

def buy(context):
    order('600000.XSHG', 100)
"""


def site(tmp_path: Path, broker: str = "simulator", **settings: object) -> Site:
    """This machine, with settings of its own."""
    made = Settings(**{"qmt_server_token": "secret", **settings})  # type: ignore[arg-type]
    found = this_site(made, None, broker, tmp_path / "runtime", tmp_path / "logs")
    return replace(found, sources=[], quotes=_nothing)


def _nothing() -> object:
    raise UsageError("没有行情", "")


def answer(where: Site, name: str) -> Finding:
    """What `doctor` says under that name; it has to be bad, and to come with a remedy."""
    (found,) = [one for one in examine(where) if one.name == name]
    assert found.level in (Level.FAILED, Level.WARNING)
    assert found.remedy
    return found


# -- QMT 连接失败 --------------------------------------------------------------------------------------


def test_is_the_path_right(tmp_path: Path) -> None:
    (tmp_path / "userdata").mkdir()
    (tmp_path / "userdata_mini").mkdir()
    found = answer(site(tmp_path, "qmt", qmt_data_path=tmp_path / "userdata"), "data_path")
    assert str(tmp_path / "userdata_mini") in found.remedy


@pytest.mark.skipif(not wheel_is_there(), reason="xtquant is not installed")
@pytest.mark.parametrize(
    "behaviour", [Behaviour(refuse_connections=9), Behaviour(subscribe_result=-1)], ids=["closed", "not logged in"]
)
def test_is_the_client_running_and_logged_in_and_used_by_nobody_else(behaviour: Behaviour, tmp_path: Path) -> None:
    world = QmtWorld(behaviour=behaviour)
    try:
        where = site(tmp_path, "qmt", qmt_data_path=world.terminal.directory, qmt_account_id="8800123456")
        shut = replace(where, connect=lambda _: look_at(world.broker, WallClock(), limit_s=0.05))
        found = answer(shut, "terminal")
    finally:
        world.close()
    assert "已启动并登录" in found.remedy
    assert "占用 xtquant" in found.remedy


def test_another_engine_on_the_same_account_is_named(tmp_path: Path) -> None:
    first, second = Held(), Held()
    lock_account(first, tmp_path, "qmt", "8800123456", "2025-12-03 09:00:00", Path("a.py"), tmp_path)
    try:
        with pytest.raises(StateError, match=r"…56 正被另一个引擎使用（进程 \d+.*启动于 2025-12-03 09:00:00"):
            lock_account(second, tmp_path, "qmt", "8800123456", "", Path("b.py"), tmp_path)
    finally:
        first.release()


# -- 远程连接超时 ----------------------------------------------------------------------------------------


def test_is_the_port_open_and_are_host_and_port_right(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = answer(site(tmp_path, "qmt-remote", qmt_server_port=free.getsockname()[1]), "server")
    for word in ("防火墙", "QMT_SERVER_HOST", "QMT_SERVER_PORT"):
        assert word in found.remedy


@contextmanager
def refusing_server() -> Iterator[int]:
    """A server that accepts no token; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                read_frame(client)
                write_frame(client, ErrorFrame("AUTH_FAILED", "token 无效"))

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10.0)


def test_does_the_token_match(tmp_path: Path) -> None:
    with refusing_server() as port:
        found = answer(site(tmp_path, "qmt-remote", qmt_server_port=port), "token")
    assert "QMT_SERVER_TOKEN" in found.remedy


# -- 订单未成交 -----------------------------------------------------------------------------------------


def day(amount: int, market: FakeMarket, cash: float = 1e6, limits: RiskLimits | None = None) -> DaysRun:
    source = BUYS.replace("100", str(amount))

    def prepare(session: Session) -> None:
        if limits is not None:
            guard(session.engine, limits)

    return run_days(source, market, DAY, DAY, cash=cash, prepare=prepare)


TRADED = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)
HALTED = FakeMarket().add(CODE, {DAY: None}, prev_close=10.0)


@pytest.mark.parametrize(
    ("run", "rule", "told"),
    [
        (lambda: day(100, TRADED, cash=500.0), "available_cash", "资金"),
        (lambda: day(100, HALTED), "suspended", "停牌"),
        (lambda: day(100, TRADED, limits=RiskLimits(max_order_value=money(500))), "max_order_value", "单笔"),
    ],
    ids=["cash", "suspended", "risk"],
)
def test_why_was_the_order_not_filled(run: object, rule: str, told: str) -> None:
    (refused,) = run().recorder.of(OrderRefused)  # type: ignore[operator]
    assert refused.rule == rule
    line = narrate(refused)
    assert line is not None
    assert told in line.text
    assert f"[{rule}]" in line.text


# -- 状态恢复失败 ----------------------------------------------------------------------------------------


def test_may_the_directory_be_written(tmp_path: Path) -> None:
    (tmp_path / "runtime").write_text("a file")
    assert "RUNTIME_DIR" in answer(site(tmp_path), "runtime_dir").remedy
    with pytest.raises(UsageError, match="RUNTIME_DIR"):
        runtime_dir.prepare(tmp_path / "runtime")


def ran_before(tmp_path: Path) -> Path:
    directory = tmp_path / "runtime"
    directory.mkdir()
    run_days(BUYS, TRADED, DAY, DAY, directory=directory)
    return directory


def test_a_g_that_was_deleted_is_noticed_and_the_ways_on_are_named(tmp_path: Path) -> None:
    directory = ran_before(tmp_path)
    (directory / "g.pkl").unlink()
    found = answer(site(tmp_path), "state")
    assert "--restore" in found.remedy
    assert "--fresh" in found.remedy


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    directory = ran_before(tmp_path)
    (directory / "live_state.json").write_bytes(b'{"strategy": ')
    assert "当前" in answer(site(tmp_path), "state").what
    assert Generations(directory).newest()[1]  # and a start falls back to an earlier pair and tells it


def test_state_that_is_gone_with_the_journal_left_refuses_to_start(tmp_path: Path) -> None:
    directory = ran_before(tmp_path)
    for place in (directory, *(directory / "generations").iterdir()):
        for name in ("live_state.json", "g.pkl"):
            (place / name).unlink(missing_ok=True)
    with pytest.raises(StateError, match="--fresh"):
        run_days(BUYS, TRADED, NEXT, NEXT, directory=directory)
    assert answer(site(tmp_path), "state").level is Level.FAILED
