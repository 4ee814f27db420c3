"""Snapshots pushed by the terminal: a `quotes.live.TickSource`.

A thread of our own keeps the subscriptions as they are wanted. It looks at the connection, subscribes anew what a lost
one took along, and compares now and then what was pushed with what the terminal shows: where it shows something newer,
the push is dead, whatever else goes on. Prices come by the pushes alone; the comparison only tells of dead ones.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from threading import Event, Lock, Thread

from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import to_qmt
from bullet_trade.ports.quotes import Tick
from bullet_trade.quotes.live import Details, TickSink
from bullet_trade.quotes.qmt.describing import day_details
from bullet_trade.quotes.qmt.snapshots import SnapshotReader, number
from bullet_trade.quotes.qmt.terminal import Terminal
from bullet_trade.quotes.qmt.units import believed_lot
from bullet_trade.quotes.qmt.xtdata import Pushed, Row

log = logging.getLogger(__name__)

MARKETS = ("SH", "SZ", "BJ")
MOST = 10_000
CHECKED = 500
"""Securities in one comparison."""
LAG_MS = 6_000
"""Snapshots come every three seconds: a push that is behind by more than two of them did not come."""
CLOSING_S = 3.0
PROBES = (Code("600000.XSHG"), Code("000001.XSHE"), Code("510300.XSHG"))
"""Two shares and a fund that trade every day."""


class QmtTicks:
    """Implements `quotes.live.TickSource` over a `Terminal`."""

    most = MOST

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._terms = terminal.terms
        self._reader = SnapshotReader()
        self._lock = Lock()
        self._sinks: Mapping[str, tuple[Code, TickSink]] = {}
        """By the terminal's code. Replaced, never changed: the vendor's thread reads it."""
        self._pending: set[str] = set()
        """To be subscribed, for the first time or again."""
        self._numbers: dict[int, set[str]] = {}
        """What each subscription of the present connection covers; the whole market covers everything."""
        self._whole = 0
        self._connection = 0
        self._pushed: dict[str, float] = {}
        """The time of the newest snapshot that was pushed, milliseconds."""
        self._unreadable: set[str] = set()
        self._wake, self._closed = Event(), False
        self._thread: Thread | None = None
        self._checked_at = terminal.clock.monotonic()
        self._trouble = ""
        self._asked_on = terminal.clock.now().date()

    def opened(self) -> QmtTicks:
        """Connect, and prove that volumes mean what we believe. Raises `UsageError` where either fails, with the
        connection given back."""
        try:
            self._look()
        except UsageError:
            self.close()
            raise
        return self

    def _look(self) -> None:
        try:
            self._terminal.connection()
            rows = self._terminal.full_ticks([to_qmt(code) for code in PROBES])
        except DataError as error:
            raise UsageError(f"连不上 QMT 行情：{error.text}", "启动并登录 QMT（极简模式），再试一次") from error
        for code in PROBES:
            row = rows.get(to_qmt(code))
            if row:
                self._prove(code, row)
        if not rows:
            log.warning("QMT 没有 %s 等的快照，成交量单位等有行情后再核对", PROBES[0])

    def _prove(self, code: Code, row: Row) -> None:
        reader = SnapshotReader()
        try:
            tick = reader.tick(code, row)
        except DataError as error:
            raise UsageError(error.text, error.remedy) from error
        lot = reader.proved(code)
        if tick is not None and lot is not None and lot != believed_lot(reader.kind(code)):
            raise UsageError(
                f"QMT 行情的成交量单位与预期不符：{code} 的一手按 {lot} 计才与成交额相符",
                "升级 QMT 和 xtquant，或换一个数据源（--data）",
            )

    # -- the port --------------------------------------------------------------------------------------------------

    def subscribe(self, codes: Sequence[Code], sink: TickSink) -> None:
        named = {to_qmt(code): (code, sink) for code in codes}
        with self._lock:
            self._sinks = {**self._sinks, **named}
            self._pending.update(named)
        self._stir()

    def unsubscribe(self, codes: Sequence[Code]) -> None:
        gone = {to_qmt(code) for code in codes}
        with self._lock:
            self._sinks = {name: wanted for name, wanted in self._sinks.items() if name not in gone}
            self._pending -= gone
        self._stir()

    def snapshot(self, codes: Sequence[Code]) -> Mapping[Code, Tick]:
        names = {to_qmt(code): code for code in codes}
        rows = self._terminal.full_ticks(list(names))
        found = ((code, self._reader.tick(code, rows[name])) for name, code in names.items() if rows.get(name))
        return {code: tick for code, tick in found if tick is not None}

    def details(self, code: Code) -> Details:
        row = self._terminal.detail(code)
        return day_details(row, self._terminal.clock.now().date()) if row else Details()

    def close(self) -> None:
        """End the subscriptions and the thread."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(CLOSING_S)
        try:
            self._terminal.close()
        except DataError as error:
            log.warning("%s", error.text)

    # -- the vendor's thread ---------------------------------------------------------------------------------------

    def _take(self, pushed: Pushed) -> None:
        """What a subscription delivers. Nothing is asked of the vendor here: that would hang."""
        sinks = self._sinks
        for name in pushed if len(pushed) <= len(sinks) else sinks:
            wanted, rows = sinks.get(name), pushed.get(name)
            if wanted is None or rows is None:
                continue
            for row in (rows,) if isinstance(rows, Mapping) else rows:
                self._deliver(name, wanted, row)

    def _deliver(self, name: str, wanted: tuple[Code, TickSink], row: Row) -> None:
        code, sink = wanted
        try:
            self._pushed[name] = max(number(row["time"]), self._pushed.get(name, 0.0))
            tick = self._reader.tick(code, row)
            if tick is not None:
                sink(tick)
        except Exception:  # the vendor's layer would swallow it without a trace
            if name not in self._unreadable:
                self._unreadable.add(name)
                log.exception("%s 的推送无法处理", code)

    # -- our thread ------------------------------------------------------------------------------------------------

    def _stir(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, name="qmt-quotes", daemon=True)
            self._thread.start()
        self._wake.set()

    def _work(self) -> None:
        while not self._closed:
            try:
                self._round()
            except DataError as error:
                self._note(error.text)
            except Exception:  # the thread must outlive whatever the vendor's objects do
                log.exception("行情订阅出错")
            self._wake.wait(self._terms.beat_s)
            self._wake.clear()
        self._leave()

    def _note(self, trouble: str) -> None:
        """Say once what is wrong, and once that it is over."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("QMT 行情：%s", trouble or "恢复")

    def _round(self) -> None:
        connection = self._terminal.connection()
        if connection != self._connection:
            self._connection = connection
            self._numbers.clear()
            self._whole = 0
            with self._lock:
                self._pending.update(self._sinks)
        today = self._terminal.clock.now().date()
        if today != self._asked_on:
            self._asked_on = today
            self._reader.forget()
        with self._lock:
            pending = sorted(self._pending)
            self._pending.clear()
        if pending:
            self._renew(pending)
        self._drop_unwanted()
        if self._terminal.clock.monotonic() - self._checked_at >= self._terms.check_s:
            self._checked_at = self._terminal.clock.monotonic()
            self._compare()
        if not self._pending:
            self._note("")

    def _renew(self, pending: list[str]) -> None:
        try:
            if len(self._sinks) >= self._terms.whole_from:
                self._subscribe_whole()
            else:
                self._subscribe(pending)
        except DataError:
            with self._lock:
                self._pending.update(name for name in pending if name in self._sinks)
            raise

    def _subscribe_whole(self) -> None:
        made = self._terminal.subscribe(MARKETS, self._take)
        if made <= 0:
            raise DataError(f"QMT 拒绝订阅全市场（返回 {made}）", "确认 QMT 账号有全市场行情权限，重新登录后再试")
        before = [*self._numbers, *([self._whole] if self._whole else [])]
        self._whole = made
        self._numbers.clear()
        self._end(before)

    def _subscribe(self, names: list[str]) -> None:
        """Subscribe together; where that is refused each alone, so that one bad code does not silence the others."""
        if self._subscribed(names):
            return
        refused = [name for name in names if len(names) == 1 or not self._subscribed([name])]
        if refused:
            with self._lock:
                self._pending.update(name for name in refused if name in self._sinks)
            self._note(f"QMT 拒绝订阅 {'、'.join(refused[:5])} 等 {len(refused)} 只，稍后再试")

    def _subscribed(self, names: list[str]) -> bool:
        made = self._terminal.subscribe(names, self._take)
        if made > 0:
            for covered in self._numbers.values():
                covered.difference_update(names)
            self._numbers[made] = set(names)
        return made > 0

    def _drop_unwanted(self) -> None:
        sinks = self._sinks
        self._end([each for each, covered in self._numbers.items() if not any(name in sinks for name in covered)])
        if self._whole and not sinks:
            self._end([self._whole])
            self._whole = 0

    def _end(self, numbers: Iterable[int]) -> None:
        for each in numbers:
            self._numbers.pop(each, None)
            self._terminal.unsubscribe(each)

    def _compare(self) -> None:
        """Find securities of which the terminal shows something newer than it has pushed."""
        names = sorted(self._sinks)[:CHECKED]
        if not names:
            return
        dead = []
        for name, row in self._terminal.full_ticks(names).items():
            wanted, at = self._sinks.get(name), row.get("time")
            if wanted is None or not isinstance(at, int | float) or at <= self._pushed.get(name, 0.0) + LAG_MS:
                continue
            dead.append(name)
            self._deliver(name, wanted, row)
        if dead:
            with self._lock:
                self._pending.update(dead)
            self._note(f"{'、'.join(dead[:5])} 等 {len(dead)} 只没有推送，重新订阅")
            self._wake.set()

    def _leave(self) -> None:
        try:
            self._end([*self._numbers, *([self._whole] if self._whole else [])])
        except DataError as error:
            log.info("退订时：%s", error.text)
