"""The broker over a QMT terminal on this machine, through the vendor's `xtquant` package."""
