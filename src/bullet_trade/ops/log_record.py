"""What a log keeps about an event: its line, and the fields that a program asks for. Pure."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from bullet_trade.domain.money import text
from bullet_trade.domain.orders import OrderState
from bullet_trade.engine import events
from bullet_trade.engine.events import Event, OrderFacts
from bullet_trade.ops.narration import Line, narrate

Fact = str | int | float | bool

_SECONDS = ("elapsed_s", "waited_s", "seconds")
_WORDS = ("rule", "callback", "where", "reason", "command", "who", "name")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class LogRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the log. `part` is order, system or strategy; `kind` a stable name; `orders` are the numbers of the
    orders that it is about; `facts` say more: money in yuan as text, shares as numbers, times in seconds."""

    at: datetime
    level: str
    part: str
    kind: str
    text: str
    orders: tuple[int, ...] = ()
    code: str = ""
    facts: dict[str, Fact] = {}
    hint: str = ""


def record(event: Event) -> LogRecord | None:
    """The record of an event; None for those that are shown in another form only."""
    line = narrate(event) or _close(event)
    if line is None:
        return None
    order = getattr(event, "order", None)
    facts: dict[str, Fact] = {name: getattr(event, name) for name in (*_SECONDS, *_WORDS) if hasattr(event, name)}
    if isinstance(order, OrderFacts):
        facts |= _order_facts(order)
    numbers: tuple[int, ...] = (order.order_id,) if isinstance(order, OrderFacts) else ()
    if isinstance(event, events.CancelsOpen):
        numbers = event.orders
    code = order.code if isinstance(order, OrderFacts) else getattr(event, "code", "")
    return LogRecord(line.at, line.level, line.source, kind(event), line.text, numbers, code, facts, hint(event))


def kind(event: Event) -> str:
    """The stable name of the event's kind, e.g. ``order_placed``."""
    return _CAPITAL.sub("_", type(event).__name__).lower()


def hint(event: Event) -> str:
    """The command that tells why an order was refused or failed; '' for anything else."""
    match event:
        case events.OrderRefused(at=at, code=code):
            return f"bullet-trade why {code} --at {at:%H:%M}"
        case events.OrderFinished(order=order) if order.state is OrderState.REJECTED:
            return f"bullet-trade why '#{order.order_id}'"
    return ""


def _order_facts(order: OrderFacts) -> dict[str, Fact]:
    return {
        "name": order.name,
        "side": order.side.name.lower(),
        "state": order.state.value,
        "amount": order.amount,
        "filled": order.filled,
        "limit_price": text(order.limit_price, 4),
        "average_price": text(order.average_price, 4),
        "fees": text(order.fees),
        "reason": order.reason,
    }


def _close(event: Event) -> Line | None:
    if not isinstance(event, events.DayClosed):
        return None
    total = text(event.cash + event.positions_value)
    sums = f"买入 {text(event.bought)} 卖出 {text(event.sold)} 费用 {text(event.fees)}"
    words = f"收盘 {event.day} 总资产 {total} 现金 {text(event.cash)} {sums} 委托 {event.orders} 拒单 {event.refused}"
    return Line(event.at, "info", "system", words)
