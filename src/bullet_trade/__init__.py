"""bullet-trade: runs one JoinQuant-style strategy file on Chinese A-shares, in replay, on paper and live."""

__version__ = "0.1.0"
