"""The local data store: a directory of Parquet files, read as market data, filled by import, and checked."""

from bullet_trade.quotes.local.store import LocalStore

__all__ = ["LocalStore"]
