"""Shipped for tests, ours and third parties': a market of plain tables, a scripted broker, a recorder, whole days, and
the broker contract suite."""

from bullet_trade.testing.check_broker import check_broker

__all__ = ["check_broker"]
