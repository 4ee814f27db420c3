"""How a rule says no: which rule, which value, which bound, and what to do instead."""

from __future__ import annotations

import msgspec

from bullet_trade.domain.money import SCALE


class Refusal(msgspec.Struct, frozen=True):
    """A refused order. `rule` is a stable English name; the other texts are Chinese, for the reader."""

    rule: str
    value: str
    bound: str
    remedy: str

    def text(self) -> str:
        """The refusal as one Chinese sentence with its remedy."""
        return f"{self.value}：{self.bound}。{self.remedy}（规则 {self.rule}）"


def show_price(price: int) -> str:
    """`price` (1/10,000 yuan) as yuan with two to four decimals, e.g. ``10.05`` or ``4.125``."""
    whole, rest = divmod(abs(price), SCALE)
    decimals = f"{rest:04d}"
    places = 4 if decimals[3] != "0" else 3 if decimals[2] != "0" else 2
    return f"{'-' if price < 0 else ''}{whole}.{decimals[:places]}"
