"""Shipped for tests, ours and third parties': a market of plain tables, a scripted broker, a recorder, whole days."""
