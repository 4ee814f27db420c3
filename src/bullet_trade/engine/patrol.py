"""The patrol (`RISK_CHECK_ENABLED`): looks the account over at intervals and alarms, once when something begins to be
wrong and once when it is over. It never trades: the strategy's `on_risk_alert` may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from bullet_trade.domain.money import SCALE, text
from bullet_trade.domain.orders import OrderState
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import Alarmed, AlarmOver
from bullet_trade.market.sessions import trading_half
from bullet_trade.ports.clock import Rank

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine

HOOK = "on_risk_alert"


@dataclass(frozen=True, slots=True)
class PatrolTerms:
    """What is alarmed about; 0 leaves a rule out. Fractions of one, seconds.

    `stop_loss` is of a position's cost, `concentration` of the total value, `drawdown` from the highest total value
    that this process has seen. `resting_s`: how long an order may stay open, `open_until` until when on a day (None
    leaves it out); `stale_quote_s`: how old the newest quote of a held security may be in the session; `silence_s`: how
    long the broker may state no account.
    """

    every_s: float = 60.0
    stop_loss: float = 0.05
    concentration: float = 0.20
    drawdown: float = 0.10
    resting_s: float = 600.0
    stale_quote_s: float = 60.0
    silence_s: float = 180.0
    open_until: time | None = time(14, 50)


class Alert(NamedTuple):
    """What `on_risk_alert(context, alert)` receives. `kind` is the rule's name, `security` '' where none is meant;
    `value` and `limit` are in the rule's unit: fractions, seconds, or 0."""

    kind: str
    security: str
    text: str
    value: float
    limit: float


class Patrol:
    """Engine thread only; runs between the strategy's callbacks."""

    def __init__(self, engine: Engine, terms: PatrolTerms) -> None:
        self._engine = engine
        self.terms = terms
        self.peak = 0
        """The highest total value seen, in 1/10,000 yuan."""
        self._standing: dict[tuple[str, str], Alert] = {}

    def arm(self) -> None:
        """Set the next look."""
        due = self._engine.now() + timedelta(seconds=self.terms.every_s)
        self._engine.timers.add(due, Rank.HOUSEKEEPING, self._fire, repeated=True)

    def _fire(self) -> None:
        self.look()
        self.arm()

    def look(self) -> None:
        """Look once: tell what is new and what is over."""
        engine = self._engine
        if not engine.account.known:
            return
        now = engine.now()
        found = {(alert.kind, alert.security): alert for rule in RULES for alert in rule(self, engine, now)}
        for key in [key for key in self._standing if key not in found]:
            over = self._standing.pop(key)
            engine.journal.append(now, "alarm_over", {"kind": over.kind, "code": over.security})
            engine.tell(AlarmOver(now, over.kind, over.text))
        for key, alert in found.items():
            if key in self._standing:
                continue
            self._standing[key] = alert
            body: dict[str, object] = {
                "kind": alert.kind,
                "code": alert.security,
                "text": alert.text,
                "value": alert.value,
                "limit": alert.limit,
            }
            engine.journal.append(now, "alarm", body)
            engine.tell(Alarmed(now, alert.kind, alert.text))
            if not engine.parts.brake.paused:
                engine.call_hook(HOOK, (engine.context, alert), now)

    @property
    def standing(self) -> tuple[Alert, ...]:
        """What is wrong at present."""
        return tuple(self._standing.values())

    def value_of(self, code: Code, amount: int) -> int:
        """What a position is worth at the last price, in 1/10,000 yuan."""
        return round(self._engine.quotes.last_price(code) * SCALE) * amount

    def total(self) -> int:
        """Cash and positions, in 1/10,000 yuan."""
        ledger = self._engine.ledger
        return ledger.cash + sum(self.value_of(position.code, position.amount) for position in ledger)


def _positions(patrol: Patrol, engine: Engine, now: datetime) -> Iterator[Alert]:
    """Losing positions, and those that weigh too much."""
    terms, total = patrol.terms, patrol.total()
    for position in engine.ledger:
        code, worth = position.code, patrol.value_of(position.code, position.amount)
        paid = position.average_cost * position.amount
        if terms.stop_loss and paid > 0 and worth and worth <= paid * (1 - terms.stop_loss):
            loss = 1 - worth / paid
            words = f"{code} 亏损 {loss:.2%}，超过止损线 {terms.stop_loss:.2%}（成本 {text(position.average_cost, 3)}）"
            yield Alert("stop_loss", code, words, loss, terms.stop_loss)
        if terms.concentration and total > 0 and worth > total * terms.concentration:
            share = worth / total
            words = f"{code} 占总资产 {share:.2%}，超过 {terms.concentration:.2%}"
            yield Alert("concentration", code, words, share, terms.concentration)


def _drawdown(patrol: Patrol, engine: Engine, now: datetime) -> Iterator[Alert]:
    total = patrol.total()
    patrol.peak = max(patrol.peak, total)
    fallen = 1 - total / patrol.peak if patrol.peak > 0 else 0.0
    if patrol.terms.drawdown and fallen >= patrol.terms.drawdown:
        words = f"总资产从 {text(patrol.peak)} 回撤 {fallen:.2%}，超过 {patrol.terms.drawdown:.2%}"
        yield Alert("drawdown", "", words, fallen, patrol.terms.drawdown)


def _orders(patrol: Patrol, engine: Engine, now: datetime) -> Iterator[Alert]:
    """Orders that rest too long, and those whose fate is not known."""
    for order in engine.book.open_orders():
        waited = (now - order.created_at).total_seconds()
        number = f"#{order.order_id} {order.code}"
        if order.state is OrderState.UNKNOWN:
            yield Alert("unknown_order", f"#{order.order_id}", f"委托 {number} 结果未知，请到券商终端核对", waited, 0.0)
        elif patrol.terms.resting_s and waited >= patrol.terms.resting_s:
            words = f"委托 {number} 挂了 {waited / 60:.0f} 分钟，已成 {order.filled}/{order.amount}"
            yield Alert("resting_order", f"#{order.order_id}", words, waited, patrol.terms.resting_s)


def _open_late(patrol: Patrol, engine: Engine, now: datetime) -> Iterator[Alert]:
    """Orders that are open shortly before the close: what is not done soon is not done today."""
    until = patrol.terms.open_until
    if until is None or now.time() < until or trading_half(now) is None:
        return
    for order in engine.book.open_orders():
        words = f"{until:%H:%M} 仍有未完成委托 #{order.order_id} {order.code}，已成 {order.filled}/{order.amount}"
        yield Alert("open_late", f"#{order.order_id}", words, float(order.amount - order.filled), 0.0)


def _broker(patrol: Patrol, engine: Engine, now: datetime) -> Iterator[Alert]:
    """The broker's account and ours, and whether it speaks at all."""
    if engine.account.differs:
        yield Alert("account_differs", "", f"账户与券商不一致：{'；'.join(engine.account.differs)}", 0.0, 0.0)
    stated, half = engine.account.stated_at, trading_half(now)
    silence_s = patrol.terms.silence_s
    if not silence_s or engine.terms.account_sync_s is None or stated is None or half is None:
        return
    silent = (now - max(stated, half)).total_seconds()  # silence is not counted over a break
    if silent >= silence_s:
        yield Alert("broker_silent", "", f"券商 {silent:.0f} 秒没有返回账户", silent, silence_s)


def _quotes(patrol: Patrol, engine: Engine, now: datetime) -> Iterator[Alert]:
    """Held securities whose quotes stand still."""
    limit = patrol.terms.stale_quote_s
    if not limit or trading_half(now) is None:
        return
    for position in engine.ledger:
        if engine.quotes.facts(position.code).paused:
            continue
        age = engine.quotes.age_s(position.code)
        if age is not None and age >= limit:
            yield Alert("stale_quote", position.code, f"{position.code} 的行情已有 {age:.0f} 秒没有更新", age, limit)


Rule = Callable[[Patrol, "Engine", datetime], Iterator[Alert]]
RULES: tuple[Rule, ...] = (_positions, _drawdown, _orders, _open_late, _broker, _quotes)
