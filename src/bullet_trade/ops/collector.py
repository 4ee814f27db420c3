"""Collects what a run's report is made of, from the events of the run."""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.money import ZERO, Money, Price
from bullet_trade.engine.events import DayClosed, Event, FilledLate, OrderFinished, Recorded
from bullet_trade.ops.result import DayResult, PositionLine, TradeResult


class Collector:
    """Days, trades and curves so far."""

    def __init__(self) -> None:
        self.closes: list[DayClosed] = []
        self.trades: list[TradeResult] = []
        self.records: dict[str, dict[date, float]] = {}

    def tell(self, event: Event) -> None:
        match event:
            case OrderFinished(at, order, _, profit) if order.filled:
                self.trades.append(
                    TradeResult(
                        at,
                        order.code,
                        order.name,
                        order.side,
                        order.filled,
                        Price(order.average_price),
                        order.fees,
                        profit,
                    )
                )
            case FilledLate(at, order, amount, price):
                self.trades.append(TradeResult(at, order.code, order.name, order.side, amount, price, ZERO, None))
            case DayClosed():
                self.closes.append(event)
            case Recorded(day, values):
                for name, value in values.items():
                    self.records.setdefault(name, {})[day] = value

    def curves(self) -> dict[str, list[tuple[date, float]]]:
        """The strategy's curves, days ascending."""
        return {name: sorted(values.items()) for name, values in self.records.items()}


def day_result(close: DayClosed, benchmark: float) -> DayResult:
    """A close as the report takes it."""
    return DayResult(
        close.day,
        close.cash,
        close.positions_value,
        close.fees,
        close.bought,
        close.sold,
        close.orders,
        close.refused,
        benchmark,
        close.refusals,
        close.messages,
        close.peak,
    )


def position_lines(close: DayClosed) -> list[PositionLine]:
    """The holdings of a close as the summary takes them."""
    return [PositionLine(h.code, h.name, h.amount, h.closeable, h.cost, h.price) for h in close.holdings]


def total(close: DayClosed) -> Money:
    """Cash and positions at a close."""
    return Money(close.cash + close.positions_value)
