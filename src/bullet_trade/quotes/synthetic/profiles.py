"""The character of one code: price level, volatility, exposure to the common factors, turnover, order-book habits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import FUNDS, Board, Code, Exchange, Kind, Security
from bullet_trade.quotes.synthetic.funds import LARGE, Fund
from bullet_trade.quotes.synthetic.indices import INDICES, size_score
from bullet_trade.quotes.synthetic.streams import Key, stream_key, unit

TICKS_PER_YUAN = {
    Kind.ETF: 1000,
    Kind.LOF: 1000,
    Kind.REIT: 1000,
    Kind.CONVERTIBLE: 1000,
    Kind.EXCHANGEABLE: 1000,
}
"""Other kinds: 100."""

SERVED = frozenset({Kind.STOCK, Kind.CDR, Kind.INDEX, Kind.CONVERTIBLE, Kind.EXCHANGEABLE}) | FUNDS


class Exposure(NamedTuple):
    """Loadings on the factors market, growth and small size."""

    market: float
    growth: float
    small: float


@dataclass(frozen=True, slots=True)
class Profile:
    """What the generator has to know of a code.

    `path_key` names the streams of the price path; funds that track an index share the index's. `deviation` is the
    own (not factor-driven) daily deviation of the return, `overnight` the share of a day's variance that passes
    overnight. `lots_per_day` is the usual volume. `half_spread` is a share of the price. `closing_auction` is False
    where trading is continuous until 15:00. `yuan_per_point` is 1 but for indices, whose points are no yuan.
    """

    code: Code
    kind: Kind
    ticks_per_yuan: int
    lot: int
    price: float
    path_key: Key
    own_key: Key
    exposure: Exposure
    deviation: float
    overnight: float
    lots_per_day: float
    half_spread: float
    closing_auction: bool
    yuan_per_point: float

    def money(self, quarters: NDArray[np.int64]) -> NDArray[np.float64]:
        """Yuan for volumes in lots times four times the price in ticks."""
        return quarters * self.lot / (4 * self.ticks_per_yuan) * self.yuan_per_point


def total_deviation(exposure: Exposure, own: float) -> float:
    """Daily deviation of the whole return: factors and own part together."""
    variance = own * own
    for loading, deviation in zip(exposure, FACTOR_DEVIATION, strict=True):
        variance += (loading * deviation) ** 2
    return math.sqrt(variance)


FACTOR_DEVIATION = Exposure(market=0.0085, growth=0.0070, small=0.0055)
"""Daily deviations of the factor returns."""

_STOCK_OVERNIGHT = 0.20
_NO_EXPOSURE = Exposure(0.0, 0.0, 0.0)


class _Holding(NamedTuple):
    """A kind of fund: its exposure, own daily deviation, overnight share and daily turnover in million yuan."""

    exposure: Exposure
    deviation: float
    overnight: float
    million_yuan: float


_HOLDINGS: dict[str, _Holding] = {
    "bond": _Holding(_NO_EXPOSURE, 0.0009, 0.30, 900.0),
    "long_bond": _Holding(_NO_EXPOSURE, 0.0048, 0.30, 2500.0),
    "money": _Holding(_NO_EXPOSURE, 0.00006, 0.30, 6000.0),
    "convertible": _Holding(Exposure(0.35, 0.15, 0.20), 0.0020, 0.20, 900.0),
    "gold": _Holding(_NO_EXPOSURE, 0.0112, 0.78, 1500.0),
    "commodity": _Holding(Exposure(0.15, 0.0, 0.0), 0.0105, 0.45, 150.0),
    "overseas": _Holding(Exposure(0.25, 0.10, 0.0), 0.0135, 0.74, 900.0),
    "hongkong": _Holding(Exposure(0.85, 0.55, 0.0), 0.0150, 0.45, 1800.0),
    "technology": _Holding(Exposure(1.05, 1.05, 0.25), 0.0090, 0.20, 600.0),
    "sector": _Holding(Exposure(1.00, 0.25, 0.10), 0.0090, 0.20, 500.0),
    "value": _Holding(Exposure(0.75, -0.45, 0.0), 0.0070, 0.18, 300.0),
}
_TRACKING_MILLION = 700.0
_AVERAGE_SHARE_PRICE = 12.0


def profile_of(security: Security, seed: int, fund: Fund | None) -> Profile:
    """The character of `security` under `seed`; `fund` is its row in the table of funds, if it has one."""
    if security.kind is Kind.INDEX:
        return _index(security, seed)
    if security.kind in FUNDS:
        return _fund(security, seed, fund)
    if security.kind in (Kind.CONVERTIBLE, Kind.EXCHANGEABLE):
        return _convertible(security, seed)
    return _stock(security, seed)


def _stock(security: Security, seed: int) -> Profile:
    code = security.code
    key = stream_key(seed, code, "character")
    size = size_score(code)
    growth_board = security.board in (Board.CHINEXT, Board.STAR)
    growth = 0.45 + 0.75 * unit(key, 1) if growth_board else -0.30 + 0.75 * unit(key, 1)
    exposure = Exposure(0.70 + 0.55 * unit(key, 2), growth, max(-0.3, 0.45 - 0.40 * size))
    bold = unit(key, 3)
    own = 0.0095 + 0.0120 * bold - 0.0022 * size + (0.0050 if growth_board else 0.0)
    if bold > 0.90:
        own *= 1.8  # the few that are talked about: strings of limit days
    if security.st:
        own = min(own, 0.016)
    price = 2.8 + 50.0 * unit(key, 4) * unit(key, 5) + (22.0 if growth_board else 4.0) * unit(key, 6)
    if unit(key, 7) > 0.97:
        price *= 6.0
    million = 140.0 * (1.0 + 3.0 * unit(key, 8) * unit(key, 9)) * _doubling(1.3 * size + 1.2 * bold)
    if security.board is Board.BSE:
        million *= 0.15
    return _assemble(security, seed, price, exposure, max(own, 0.0065), _STOCK_OVERNIGHT, million_yuan=million)


def _index(security: Security, seed: int) -> Profile:
    key = stream_key(seed, security.code, "character")
    chosen = INDICES.get(security.code)
    if chosen is None:
        exposure = Exposure(0.80 + 0.40 * unit(key, 1), -0.2 + 0.9 * unit(key, 2), 0.6 * unit(key, 3))
        level, volume = 1000.0 + 5000.0 * unit(key, 4), 5.0e9
    else:
        exposure = Exposure(chosen.market, chosen.growth, chosen.small)
        level, volume = chosen.level, chosen.billion_shares * 1e9
    return _assemble(security, seed, level, exposure, 0.0012, 0.17, million_yuan=0.0, lots=volume / 100.0)


def _fund(security: Security, seed: int, fund: Fund | None) -> Profile:
    key = stream_key(seed, security.code, "character")
    price = fund.price if fund else 0.7 + 1.6 * unit(key, 1)
    million_share = 4.0 if security.code in LARGE else 0.002 + 3.5 * unit(key, 2) * unit(key, 3) * unit(key, 4)
    holding = fund.holding if fund else _guess(security)
    row = _HOLDINGS.get(holding)
    if row is not None:
        million = row.million_yuan * million_share
        return _assemble(security, seed, price, row.exposure, row.deviation, row.overnight, million_yuan=million)
    tracked = INDICES[holding]
    exposure = Exposure(tracked.market, tracked.growth, tracked.small)
    million = _TRACKING_MILLION * million_share
    return _assemble(security, seed, price, exposure, 0.0012, 0.17, million_yuan=million, follows=holding)


def _guess(security: Security) -> str:
    """The kind of holding of a fund that is in no table: what its T+0 mark admits, else a sector."""
    if not security.t0:
        return "sector"
    by_segment = {"511": "bond", "518": "gold", "513": "overseas"}
    return by_segment.get(security.code[:3], "hongkong")


def _convertible(security: Security, seed: int) -> Profile:
    key = stream_key(seed, security.code, "character")
    exposure = Exposure(0.25 + 0.40 * unit(key, 1), 0.3 * unit(key, 2), 0.4 * unit(key, 3))
    own = 0.0060 + 0.0160 * unit(key, 4) * unit(key, 5)
    price = 106.0 + 55.0 * unit(key, 6) * unit(key, 7)
    million = 4.0 + 400.0 * unit(key, 8) * unit(key, 9) * unit(key, 10)
    return _assemble(security, seed, price, exposure, own, 0.15, million_yuan=million)


def _assemble(
    security: Security,
    seed: int,
    price: float,
    exposure: Exposure,
    own: float,
    overnight: float,
    *,
    million_yuan: float,
    lots: float = 0.0,
    follows: str = "",
) -> Profile:
    bond = security.kind in (Kind.CONVERTIBLE, Kind.EXCHANGEABLE)
    lot = 10 if bond else 100
    own_key = stream_key(seed, security.code, "own")
    return Profile(
        code=security.code,
        kind=security.kind,
        ticks_per_yuan=TICKS_PER_YUAN.get(security.kind, 100),
        lot=lot,
        price=price,
        path_key=stream_key(seed, follows or security.code, "path"),
        own_key=own_key,
        exposure=exposure,
        deviation=own,
        overnight=overnight,
        lots_per_day=lots or million_yuan * 1e6 / (price * lot),
        half_spread=0.00003 + 0.00008 * unit(own_key, 0),
        closing_auction=security.exchange is not Exchange.SSE or not (bond or security.kind in FUNDS),
        yuan_per_point=_AVERAGE_SHARE_PRICE / price if security.kind is Kind.INDEX else 1.0,
    )


def _doubling(x: float) -> float:
    """About 2**x for small x, from * and / alone: (1 + x/8 * ln 2 ...)**8, never below 1/16."""
    base = max(1.0 + x * 0.0866, 0.707)
    square = base * base
    fourth = square * square
    return fourth * fourth
