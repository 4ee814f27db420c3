"""The error tree, split by what the caller has to do about it.

Every error carries a stable English code (for scripts and the manual), and a Chinese text that names the value, the
rule and the remedy (for the person who reads it).
"""

from __future__ import annotations


class BulletTradeError(Exception):
    """Base of all errors that this program raises on purpose."""

    code = "BT_ERROR"

    def __init__(self, text: str, remedy: str = "") -> None:
        """`text` says what is wrong with which value; `remedy` what to do now."""
        super().__init__(f"{text}。{remedy}" if remedy else text)
        self.text = text
        self.remedy = remedy


class UsageError(BulletTradeError):
    """The user's command, file or setting cannot be used: correct it and start again."""

    code = "BT_USAGE"


class StrategyError(BulletTradeError):
    """The strategy file is at fault (it cannot be loaded, or calls the API in a way that cannot be carried out)."""

    code = "BT_STRATEGY"


class DataError(BulletTradeError):
    """Market data are missing or unreadable: get them, or choose another range or source."""

    code = "BT_DATA"


class CalendarEndError(DataError):
    """A day lies beyond what is known about trading days: supply a holiday file or ask the broker."""

    code = "BT_CALENDAR_END"


class StateError(BulletTradeError):
    """Saved state or the journal cannot be read or written: trading must not go on."""

    code = "BT_STATE"


class OrderTransitionError(BulletTradeError):
    """A report that an order's state does not admit; it is journaled and changes nothing."""

    code = "BT_ORDER_TRANSITION"


class InvariantError(BulletTradeError):
    """Something that must always hold does not: a defect of this program. Trading stops."""

    code = "BT_INVARIANT"
