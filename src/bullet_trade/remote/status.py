"""The words for an order's state on the wire, and the terminals' numbers behind them.

Deployed servers call number 52 (part filled, cancel pending) final; it is not, and is sent as `canceling` here.
"""

from __future__ import annotations

from bullet_trade.domain.reports import STATUS_UNKNOWN

WORDS: dict[int, str] = {
    48: "new",
    49: "new",
    50: "open",
    51: "canceling",
    52: "canceling",
    53: "partly_canceled",
    54: "canceled",
    55: "filling",
    56: "filled",
    57: "rejected",
    STATUS_UNKNOWN: "new",
}

SUBMIT_UNKNOWN = "submit_unknown"
RECONCILING = "reconciling"
SUBMITTED = "submitted"

CANCELLED = frozenset(("canceled", "cancelled", "partly_canceled", "partly_cancelled"))
FAILED = frozenset(("rejected", "failed", "error"))
FINAL = frozenset(("filled",)) | CANCELLED | FAILED
OPEN = frozenset(("new", "submitted", "open", "filling", "partly_filled", "canceling"))
KNOWN = FINAL | OPEN | {"held", SUBMIT_UNKNOWN, RECONCILING, "unknown"}


def word(number: int) -> str:
    """The word for a terminal's number; one that is not documented counts as alive."""
    return WORDS.get(number, "open")
