"""The portfolio and its parts as a strategy sees them. Every read is of this moment; amounts in yuan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bullet_trade.domain.ledger import Ledger, Position
from bullet_trade.domain.money import yuan
from bullet_trade.domain.securities import Code
from bullet_trade.ports.quotes import Quotes
from bullet_trade.strategy.objects import ReadOnly, UserPosition


class Positions(dict[str, UserPosition]):
    """Positions by code: a snapshot that later orders do not change.

    ``[code]`` takes any spelling of a code; one that is not held gives an empty position and a warning, and does not
    become a key. ``get`` and ``in`` follow the rules of a dict.
    """

    def __init__(self, canonical: Callable[[object], Code], empty: Callable[[Code], UserPosition]) -> None:
        super().__init__()
        self._canonical = canonical
        self._empty = empty

    def __missing__(self, code: str) -> UserPosition:
        key = self._canonical(code)
        return self[key] if key in self else self._empty(key)

    def has_key(self, code: str) -> bool:
        """Python 2's word for ``in``."""
        return code in self


class Surface(NamedTuple):
    """What all portfolios of one run share. `closing_value` is the account's total at the last close, 0 before one."""

    quotes: Quotes
    t0: Callable[[Code], bool]
    warn: Callable[[str], None]
    canonical: Callable[[object], Code]


class Portfolio(ReadOnly):
    """The account, or one of its books. `given` and `closing_value` are in 1/10,000 yuan."""

    __slots__ = ("_books", "_cache", "_closing_value", "_given", "_ledger", "_pindex", "_surface", "_version")

    _ledger: Callable[[], Ledger]
    _surface: Surface
    _given: Callable[[], int]
    _closing_value: Callable[[], int]
    _books: Callable[[], list[SubPortfolio]]
    _pindex: int
    _cache: Positions
    _version: tuple[int, int]

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        surface: Surface,
        given: Callable[[], int],
        closing_value: Callable[[], int] = lambda: 0,
        books: Callable[[], list[SubPortfolio]] = list,
        pindex: int = 0,
    ) -> None:
        put = object.__setattr__
        put(self, "_ledger", ledger)
        put(self, "_surface", surface)
        put(self, "_given", given)
        put(self, "_closing_value", closing_value)
        put(self, "_books", books)
        put(self, "_pindex", pindex)
        put(self, "_version", (0, -1))

    def _view(self, position: Position) -> UserPosition:
        surface = self._surface
        return UserPosition(position, surface.t0(position.code), surface.quotes, self._pindex)

    def _empty(self, code: Code) -> UserPosition:
        self._surface.warn(f"没有持仓 {code}，返回空仓位")
        return self._view(Position(code=code))

    @property
    def positions(self) -> Positions:
        ledger = self._ledger()
        version = (id(ledger), ledger.version)
        if self._version != version:
            fresh = Positions(self._surface.canonical, self._empty)
            for position in ledger:
                if position.amount:
                    fresh[position.code] = self._view(position)
            object.__setattr__(self, "_cache", fresh)
            object.__setattr__(self, "_version", version)
        return self._cache

    long_positions = positions

    @property
    def short_positions(self) -> Positions:
        """Always without a key: shares cannot be sold short here."""
        return Positions(self._surface.canonical, self._empty)

    @property
    def unsell_positions(self) -> dict[str, UserPosition]:
        """Positions of which shares were bought today."""
        return {code: position for code, position in self.positions.items() if position.today_amount}

    @property
    def subportfolios(self) -> list[SubPortfolio]:
        return self._books()

    @property
    def available_cash(self) -> float:
        return yuan(self._ledger().available)

    cash = available_cash

    @property
    def transferable_cash(self) -> float:
        ledger = self._ledger()
        return yuan(max(0, ledger.available - ledger.sold_today))

    @property
    def locked_cash(self) -> float:
        return yuan(self._ledger().frozen)

    @property
    def positions_value(self) -> float:
        last = self._surface.quotes.last_price
        return sum(last(position.code) * position.amount for position in self._ledger())

    market_value = positions_value

    @property
    def total_value(self) -> float:
        return yuan(self._ledger().cash) + self.positions_value

    portfolio_value = total_value

    @property
    def starting_cash(self) -> float:
        return yuan(self._given())

    inout_cash = starting_cash

    @property
    def previous_total_value(self) -> float:
        """Total value at the last close; the capital before the first one."""
        return yuan(self._closing_value() or self._given())

    @property
    def returns(self) -> float:
        """Return since the start as of the last close, as a fraction."""
        start = self._given()
        return (self._closing_value() or start) / start - 1 if start else 0.0

    @property
    def daily_returns(self) -> float:
        """Return since the last close, as a fraction."""
        before = self.previous_total_value
        return self.total_value / before - 1 if before else 0.0

    @property
    def margin(self) -> float:
        return 0.0

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({{total_value={self.total_value:.2f}, available_cash={self.available_cash:.2f}}})"
        )


class SubPortfolio(Portfolio):
    """One book of the account. There is no credit: liabilities are 0."""

    __slots__ = ("_type",)

    _type: Callable[[], str]

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        surface: Surface,
        given: Callable[[], int],
        type: Callable[[], str],
        pindex: int,
    ) -> None:
        super().__init__(ledger, surface, given, pindex=pindex)
        object.__setattr__(self, "_type", type)

    @property
    def type(self) -> str:
        return self._type()

    total_liability = cash_liability = sec_liability = interest = 0.0
    maintenance_margin_rate = float("inf")

    @property
    def net_value(self) -> float:
        return self.total_value

    @property
    def available_margin(self) -> float:
        return self.available_cash

    def is_dangerous(self, margin_rate: float) -> bool:
        """Without credit, never."""
        return False


class SubPortfolios(list[SubPortfolio]):
    """By index; deployed strategies also ask by type, ``subportfolios['stock']``."""

    def __getitem__(self, key: int | str) -> SubPortfolio:  # type: ignore[override]  # by type, and no slices
        return next(one for one in self if one.type == key) if isinstance(key, str) else super().__getitem__(key)

    def values(self) -> Iterator[SubPortfolio]:
        """As if it were a dict."""
        return iter(self)
