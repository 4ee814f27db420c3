"""Quotes, history and reference data of a `bullet-trade server` on another machine."""
