"""A broker, as the engine needs it. Implemented by the adapters under `brokers/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import Report
from bullet_trade.domain.securities import Code

ReportSink = Callable[[Report], None]
"""Takes a report from any thread and returns at once; reports are handled in the order in which they are given."""


class OrderTicket(msgspec.Struct, frozen=True):
    """An order on its way to the broker. `limit_price` is the protection price of a market order, 0 for none."""

    tag: str
    code: Code
    side: Side
    amount: int
    order_type: OrderType
    limit_price: Price


class Broker(Protocol):
    """One account at one broker. Every call returns at once; what comes of it arrives at the sink as a report.

    Called on the engine thread, except `cancel`, which the operator's brake may call from any thread.
    """

    @property
    def label(self) -> str:
        """What to show a person, e.g. ``模拟券商``; never the full account number."""

    def connect(self, sink: ReportSink) -> None:
        """Start delivering reports to `sink`; answers with `LinkUp` and an `AccountSnapshot`.

        Raises `UsageError` when a setting is missing or wrong.
        """

    def submit(self, ticket: OrderTicket) -> None:
        """Send an order. Answers: `Accepted`, `Rejected`, `Filled`, `Cancelled` or `NoAnswer`."""

    def cancel(self, tag: str) -> None:
        """Ask to cancel. Answers: `Cancelled` or `CancelRefused`, or a fill that was faster."""

    def request_snapshot(self) -> None:
        """Ask for the account; answers with an `AccountSnapshot`."""

    def close(self) -> None:
        """Stop delivering reports and release what was opened. Open orders stay as they are."""
