"""Quotes, history and reference data of a QMT terminal on this machine, through the vendor's `xtdata`."""
