"""`get_current_data()`: quotes by code, read at the moment of asking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from bullet_trade.domain.securities import Code, Security
from bullet_trade.ports.quotes import Quotes


class CurrentSecurity:
    """One security now. Prices in yuan; limits 0.0: none today; `day_open` is NaN before the opening price is known.

    `last_price` is yesterday's close before 09:30, then the newest price; `paused` is also True for what is not
    listed today.
    """

    __slots__ = ("_industry", "_last_price", "_quotes", "code", "security")

    def __init__(self, security: Security, quotes: Quotes, industry: Callable[[Code], str]) -> None:
        self.code = security.code
        self.security = security
        self._quotes = quotes
        self._last_price = quotes.last_price
        self._industry = industry

    @property
    def last_price(self) -> float:
        return self._last_price(self.code)

    @property
    def high_limit(self) -> float:
        return self._quotes.facts(self.code).high_limit

    @property
    def low_limit(self) -> float:
        return self._quotes.facts(self.code).low_limit

    @property
    def paused(self) -> bool:
        return self._quotes.facts(self.code).paused

    @property
    def is_st(self) -> bool:
        return self._quotes.facts(self.code).st

    @property
    def day_open(self) -> float:
        return self._quotes.day_open(self.code)

    @property
    def name(self) -> str:
        return self._quotes.facts(self.code).name or self.security.name

    @property
    def pre_close(self) -> float:
        return self._quotes.facts(self.code).prev_close

    @property
    def start_date(self) -> date:
        return self.security.list_date

    @property
    def industry_code(self) -> str:
        """Industry of the classification zjw or, where the source has none, sw_l1; empty when it is not known."""
        return self._industry(self.code)

    def __repr__(self) -> str:
        return f"CurrentSecurity({self.code}, last_price={self.last_price})"


class CurrentData(dict[str, CurrentSecurity]):
    """Filled as codes are asked for with ``d[code]``; a code that the source does not have is a `KeyError`."""

    def __init__(
        self,
        quotes: Quotes,
        code_of: Callable[[object], Code],
        securities: Callable[[Code], Security | None],
        industry: Callable[[Code], str] = lambda _: "",
    ) -> None:
        super().__init__()
        self._quotes = quotes
        self._code_of = code_of
        self._securities = securities
        self._industry = industry

    def __missing__(self, key: str) -> CurrentSecurity:
        security = self._securities(self._code_of(key))
        if security is None:
            raise KeyError(f"{key}：行情源里没有这个证券")
        entry = self[key] = CurrentSecurity(security, self._quotes, self._industry)
        return entry
