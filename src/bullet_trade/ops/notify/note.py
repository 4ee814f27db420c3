"""Which events become messages, and of which class. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from bullet_trade.domain.money import text
from bullet_trade.domain.orders import OrderState
from bullet_trade.engine import events
from bullet_trade.engine.events import Event
from bullet_trade.ops.collector import total
from bullet_trade.ops.narration import ALARMING, narrate

ALARMS = "alarms"

CLASSES = {
    ALARMS: "告警",
    "disconnects": "连接",
    "refusals": "拒单",
    "notes": "提示",
    "operator": "操作",
    "fills": "成交",
    "orders": "委托",
    "messages": "策略",
    "summary": "日结",
}
"""Names for `NOTIFY_EVENTS`, the gravest first, and the words for people."""

DEFAULT_CLASSES = ("alarms", "disconnects", "refusals", "summary", "messages", "notes")


class Note(NamedTuple):
    """Something to be told. Notes with the same `key` say the same; of one `topic` the newest key is how things are."""

    at: datetime
    kind: str
    topic: str
    key: str
    text: str


def class_of(event: Event) -> str | None:
    """The class of an event, None for one that is never told. Cheap: the engine's thread asks for each event."""
    found = _TABLE.get(type(event))
    return found(event) if callable(found) else found


def note_of(event: Event, words_of_day: Callable[[events.DayClosed], str] | None = None) -> Note | None:
    """The message for an event, None for one that is never told. `words_of_day` words a close, where given."""
    kind = class_of(event)
    if kind is None:
        return None
    if isinstance(event, events.DayClosed):
        return Note(event.at, kind, kind, str(event.day), (words_of_day or _summary)(event))
    if isinstance(event, events.StrategyMessage):
        return Note(event.at, kind, event.text, event.text, event.text)
    line = narrate(event)
    if line is None:
        return None
    first = line.text.split("\n", 1)[0]  # a stack is for the log
    topic = _topic(event, first)
    return Note(line.at, kind, topic, f"{type(event).__name__} {topic} {_unvaried(first)}", first)


def _topic(event: Event, words: str) -> str:
    match event:
        case events.LinkChanged():
            return "link"
        case events.Alarmed(_, kind, said) | events.AlarmOver(_, kind, said):
            return f"{kind} {_unvaried(said)}"
    return f"{type(event).__name__} {_unvaried(words)}"


_NUMBERS = re.compile(r"(#\d+|\d{6}\.XSH[GE])|\d+(?:[.,:-]\d+)*")


def _unvaried(words: str) -> str:
    """The text without what changes from one time to the next: figures, but not the numbers of orders and codes."""
    return _NUMBERS.sub(lambda found: found.group(1) or "0", words)


def _summary(close: events.DayClosed) -> str:
    parts = [
        f"{close.day:%Y-%m-%d} 收盘 总资产 {text(total(close))}",
        f"现金 {text(close.cash)}",
        f"持仓 {len(close.holdings)} 只 市值 {text(close.positions_value)}",
        f"买入 {text(close.bought)} 卖出 {text(close.sold)} 费用 {text(close.fees)}",
        f"委托 {close.orders} 笔 拒单 {close.refused} 笔",
    ]
    return "，".join(parts)


def _finished(event: Event) -> str | None:
    assert isinstance(event, events.OrderFinished)
    if event.order.state is OrderState.REJECTED:
        return "refusals"
    return "fills" if event.order.filled else "orders"


def _refused(event: Event) -> str | None:
    # A target that is nearly met leaves less than a lot to trade, day after day.
    return "refusals" if isinstance(event, events.OrderRefused) and event.rule != "lot_size" else None


def _reconciled(event: Event) -> str | None:
    assert isinstance(event, events.Reconciled)
    return ALARMS if any(found.kind in ALARMING for found in event.findings) else None


def _saved(event: Event) -> str | None:
    return "notes" if isinstance(event, events.Saved) and event.unsaved else None


def _said(event: Event) -> str | None:
    return "notes" if isinstance(event, events.StrategySaid) and event.level == "error" else None


_TABLE: dict[type, str | Callable[[Event], str | None]] = {
    events.OrderPlaced: "orders",
    events.OrderRefused: _refused,
    events.CancelForbidden: "refusals",
    events.LimitNear: ALARMS,
    events.OrderFinished: _finished,
    events.OrderWaitEnded: "orders",
    events.PartFilled: "fills",
    events.FilledLate: ALARMS,
    events.ReportIgnored: "notes",
    events.CallbackFailed: ALARMS,
    events.CallbackOverdue: ALARMS,
    events.CallbackReturned: ALARMS,
    events.OperatorActed: "operator",
    events.CancelsOpen: ALARMS,
    events.TaskMissed: ALARMS,
    events.ClockStepped: ALARMS,
    events.DayClosed: "summary",
    events.AccountDiffers: ALARMS,
    events.Reconciled: _reconciled,
    events.Alarmed: ALARMS,
    events.AlarmOver: ALARMS,
    events.LinkChanged: "disconnects",
    events.Saved: _saved,
    events.StateNote: "notes",
    events.StrategySaid: _said,
    events.StrategyMessage: "messages",
    events.Stopping: "operator",
}
