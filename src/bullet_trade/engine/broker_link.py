"""The engine and its broker: connecting, what the broker's statements prove, and the ups and downs of the line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.engine.day import BEFORE_TRADING_START, SAVE
from bullet_trade.engine.events import LinkChanged, Reconciled
from bullet_trade.engine.recovery import lose_sight, rebuild, reconcile
from bullet_trade.ports.clock import Rank

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine

CONNECT_TIMEOUT_S = 30.0

ROUTINE = frozenset({"working", "external"})
"""Findings that are told when the engine takes over, and not again with every statement of the account."""


class BrokerLink:
    """Engine thread only. `up` is whether the broker is connected, None before it has said so."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.up: bool | None = None

    def connect(self) -> None:
        """Connect to the broker and take the account, once. Raises `UsageError` when the broker does not answer."""
        engine = self._engine
        if engine.account.known:
            return
        self._recover()
        today = engine.now().date()
        if engine.calendar.is_session(today):
            engine.open_date(today)
        broker = engine.parts.broker
        broker.connect(engine.inbox.put)
        if not engine.pump(lambda: engine.account.known, CONNECT_TIMEOUT_S) and not engine.stopping:
            raise UsageError(
                f"{broker.label} 在 {CONNECT_TIMEOUT_S:.0f} 秒内没有返回账户信息", "检查券商端是否已登录后重新启动"
            )

    def _recover(self) -> None:
        """Rebuild orders and ledger from the journal of earlier runs; orders that were alive become `unknown`."""
        engine = self._engine
        engine.account.recovered = rebuild(engine.parts.past(), engine.book) > 0
        lose_sight(engine.book, engine.now())

    def changed(self, up: bool, reason: str) -> None:
        """The line came up or went down. After a gap the account is asked for; while it is down nothing is known."""
        engine = self._engine
        now = engine.now()
        engine.journal.append(now, "link", {"up": up, "reason": reason})
        news = up is not self.up and not (up and self.up is None)  # the first connection is no news
        self.up = up
        if not news:
            return
        engine.tell(LinkChanged(now, up, reason))
        if up:
            engine.account.want(now)
        else:
            engine.desk.lose_sight(reason, now)

    def take_snapshot(self, snapshot: AccountSnapshot) -> None:
        """The broker states the account: first its orders and trades, then its money."""
        engine = self._engine
        now = engine.now()
        if engine.book.orders or snapshot.orders:
            engine.desk.leave_out(row.tag for row in snapshot.orders)
            self._reconcile(snapshot, now, everything=not engine.account.known or bool(engine.book.unknown))
        engine.account.take(snapshot, now)

    def _reconcile(self, snapshot: AccountSnapshot, now: datetime, everything: bool) -> None:
        """Apply what the broker's lists prove; tell the findings, those of routine only if `everything` is wanted."""
        engine, desk = self._engine, self._engine.desk
        found = reconcile(list(engine.book.orders.values()), snapshot, desk.tag_prefix, desk.next_number)
        for order in found.adopted:
            desk.next_number = order.order_id + 1
            engine.journal.append(now, "adopted", order)
            engine.book.adopt(order)
        for report in found.reports:
            desk.take(report, now)
        findings = [one for one in found.findings if everything or one.kind not in ROUTINE]
        if findings:
            engine.journal.append(now, "findings", {"found": findings})
            engine.tell(Reconciled(now, tuple(findings)))

    def arm_account_sync(self, every: timedelta) -> None:
        """Have the account stated again and again while the market is open, and not in the night."""
        engine = self._engine
        due = engine.now() + every
        opens = datetime.combine(engine.calendar.session_on_or_after(due.date()), BEFORE_TRADING_START)
        if due.date() == opens.date() and due.time() >= SAVE:
            opens = datetime.combine(engine.calendar.next_session(due.date()), BEFORE_TRADING_START)

        def fire() -> None:
            if self.up is not False:
                engine.account.want(engine.now())
            self.arm_account_sync(every)

        engine.timers.add(max(due, opens), Rank.HOUSEKEEPING, fire, repeated=True)
