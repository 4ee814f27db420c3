"""The morning preflight: the cheap checks of `doctor` and what the engine itself knows, at the start and before each
open. What fails is an alarm, and with `PREFLIGHT_BLOCKS` a pause of the strategy until a person or a green result ends
it.

What may block runs on a thread of its own; everything else happens on the engine thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from math import inf
from pathlib import Path
from threading import Thread

import msgspec

from bullet_trade.domain.errors import CalendarEndError
from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.securities import Code
from bullet_trade.engine.brake import BrakeMode
from bullet_trade.engine.engine import Engine
from bullet_trade.engine.events import Alarmed, AlarmOver, StateNote
from bullet_trade.market.sessions import trading_half
from bullet_trade.ops.compose import JOURNAL_FILE, Run
from bullet_trade.ops.doctor.finding import Finding, Level, failed
from bullet_trade.ops.doctor.here import this_site
from bullet_trade.ops.doctor.table import examine
from bullet_trade.ops.doctor.terminal import clock
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.clock import Rank
from bullet_trade.store.journal_archive import read_file

WHO = "preflight"
START_S = 5.0
"""How long a start waits for the checks; nothing trades before."""
LIMIT = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=0.5)
AHEAD = timedelta(seconds=2)
"""A quote may be this far ahead of the machine's clock."""
MOST_TOLD = 5

Checks = Callable[[], list[Finding]]
Begin = Callable[[Checks], "Future[list[Finding]]"]
"""Starts the checks somewhere else."""

UNFINISHED = Finding(WHO, "自检", Level.FAILED, "没有按时完成", "环境是否正常不清楚", "运行 bullet-trade doctor")


def on_a_thread(checks: Checks) -> Future[list[Finding]]:
    """Run `checks` on a thread that does not hold up the end of the process."""
    future: Future[list[Finding]] = Future()
    Thread(target=lambda: future.set_result(_run(checks)), name="preflight", daemon=True).start()
    return future


def _run(checks: Checks) -> list[Finding]:
    try:
        return checks()
    except Exception as error:  # noqa: BLE001  # a check that breaks must count as red, and not end its thread unheard
        return [msgspec.structs.replace(UNFINISHED, what=f"程序出错（{type(error).__name__}: {error}）")]


class Preflight:
    """Watches over one engine. `checks` look at the surroundings; `at` is the time of day. Engine thread only."""

    def __init__(self, engine: Engine, checks: Checks, at: time, blocks: bool, begin: Begin = on_a_thread) -> None:
        self._engine = engine
        self._checks = checks
        self._at = at
        self._blocks = blocks
        self._begin = begin
        self._alarm = ""
        self._noted: frozenset[str] = frozenset()

    def arm(self) -> None:
        """Before the strategy is called for the first time: check, and set what comes later."""
        try:
            found = self._begin(self._checks).result(START_S)
        except NotDone:
            found = [UNFINISHED]
        if failed(found):  # only what the engine knows, too, can be green
            self._judge(found)
        engine = self._engine
        engine.timers.add(engine.now(), Rank.HOUSEKEEPING, lambda: self._judge([*found, *inside(engine)]))
        self._plan()

    def _plan(self) -> None:
        engine = self._engine
        due = datetime.combine(engine.now().date(), self._at)
        engine.timers.add(due if due > engine.now() else due + timedelta(days=1), Rank.DAY, self._fire)

    def _fire(self) -> None:
        self._plan()
        if self._trades_today():
            self._look(self._begin(self._checks), self._engine.now() + LIMIT)

    def _trades_today(self) -> bool:
        try:
            return self._engine.calendar.is_session(self._engine.now().date())
        except CalendarEndError:
            return True  # the checks will say so

    def _look(self, running: Future[list[Finding]], until: datetime) -> None:
        engine = self._engine
        if running.done():
            self._judge([*running.result(), *inside(engine)])
        elif engine.now() >= until:
            self._judge([UNFINISHED, *inside(engine)])
        else:
            engine.timers.add(
                engine.now() + LOOK_EVERY, Rank.HOUSEKEEPING, lambda: self._look(running, until), repeated=True
            )

    def _judge(self, findings: list[Finding]) -> None:
        """Tell, journal, and set or lift the pause."""
        engine, now = self._engine, self._engine.now()
        red = [one.text for one in findings if one.level is Level.FAILED]
        yellow = [one.text for one in findings if one.level is Level.WARNING]
        engine.journal.append(now, WHO, {"failed": red, "warnings": yellow})
        for words in yellow:
            if words not in self._noted:
                engine.tell(StateNote(now, f"自检：{words}"))
        self._noted = frozenset(yellow)
        held = self._hold("；".join(red), now) if red else self._release(now)
        words = "；".join(red)
        if red and words != self._alarm:
            engine.tell(Alarmed(now, WHO, f"自检未通过：{words}{held}"))
        elif self._alarm and not red:
            engine.tell(AlarmOver(now, WHO, f"自检未通过：{self._alarm}{held}"))
        self._alarm = words

    def _hold(self, why: str, now: datetime) -> str:
        brake = self._engine.parts.brake
        if not self._blocks or brake.state.mode is not BrakeMode.RUNNING:
            return ""
        try:
            brake.pause(WHO, f"自检未通过：{why}", now.isoformat())
        except OSError as error:
            return f"；策略已暂停，但没能写入 brake.json（{error}），重启后不保留"
        return "；策略已暂停（PREFLIGHT_BLOCKS=true），处理后执行 bullet-trade resume"

    def _release(self, now: datetime) -> str:
        brake = self._engine.parts.brake
        state = brake.state
        if state.mode is not BrakeMode.PAUSED or state.who != WHO:
            return ""
        try:
            lifted = brake.resume(WHO, "自检通过", now.isoformat(), state.number)
        except OSError as error:
            return f"；暂停已解除，但没能写入 brake.json（{error}），重启后又会暂停"
        return "；暂停已解除" if lifted else ""


def inside(engine: Engine) -> Iterator[Finding]:
    """What the engine knows by itself: connection, orders of unknown fate, quotes and clock."""
    if engine.link.up is False:
        yield Finding("link", "券商连接", Level.FAILED, "已断开", "不能下单", "检查券商终端或远程服务是否已登录")
    ledger = engine.ledger
    if engine.account.known and not ledger.cash and not ledger.positions:
        remedy = "核对资金账号和账户类型，在券商终端里看同一账号"
        yield Finding("account", "账户", Level.FAILED, "资金和持仓全为零", "多半不是要交易的账号", remedy)
    fates = [f"#{one.order_id} {one.code}" for one in engine.book.open_orders() if one.state is OrderState.UNKNOWN]
    if fates:
        remedy = "到券商终端核对这些委托"
        yield Finding("unknown_orders", "委托", Level.FAILED, f"{'、'.join(fates)} 结果未知", "资金可能被占用", remedy)
    for position in engine.ledger:
        yield from _quotes(engine, position.code)


def _quotes(engine: Engine, code: Code) -> Iterator[Finding]:
    title, remedy, limit_s = "行情", "检查行情源和终端", engine.parts.desk_terms.quote_age_s
    if engine.quotes.last_price(code) <= 0:
        yield Finding("quotes", title, Level.FAILED, f"持仓 {code} 没有价格", "无法估值，也不能下单", remedy)
        return
    now, tick = engine.now(), engine.quotes.tick(code)
    age_s = engine.quotes.age_s(code)
    in_session = trading_half(now) is not None
    if in_session and age_s is not None and age_s > limit_s:
        words = f"持仓 {code} 今天还没有行情" if age_s == inf else f"持仓 {code} 的行情已有 {age_s:.0f} 秒没有更新"
        yield Finding("quotes", title, Level.FAILED, words, "不能下单", remedy)
    if tick is not None and tick.datetime - now > AHEAD:
        yield clock((now - tick.datetime).total_seconds(), in_session)


def recent_differences(journal: Path, since: date) -> Iterator[Finding]:
    """What the account and the broker's did not agree about since that day: corrected, but nobody may have seen it."""
    if not journal.exists():
        return
    told = [
        f"{one['what']} 本地 {one['ours']} 券商 {one['theirs']}"
        for row in read_file(journal, since.isoformat())
        if row.kind == "difference"
        for one in json.loads(row.body)["found"]
    ]
    if told:
        words = f"{since} 以来与券商不一致 {len(told)} 处：{'；'.join(told[:MOST_TOLD])}"
        yield Finding("differences", "账户核对", Level.WARNING, words, "已按券商更正", "看当天日志，找出没有记到的成交")


def preflight(run: Run, request: RunRequest, settings: Settings, log_dir: Path) -> Preflight:
    """The preflight of a run on the wall clock. Raises `UsageError` for a setting of the remote server."""
    site = this_site(settings, None, request.broker, request.runtime_dir, log_dir, run.clock)
    days = run.calendar

    def checks() -> list[Finding]:
        known = days.copy()
        seen = replace(site, calendar=lambda: known)
        found = list(examine(seen, morning=True))
        today = site.now().date()
        if known.knows(today):
            found += recent_differences(run.directory / JOURNAL_FILE, known.previous_session(today))
        return found

    return Preflight(run.session.engine, checks, settings.preflight_time, settings.preflight_blocks)
