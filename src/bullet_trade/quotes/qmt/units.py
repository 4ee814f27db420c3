"""What the terminal's figures mean: its volumes are lots, and a lot is not the same for every kind of security. Pure.

Nothing in the terminal's data names the unit, so it is proved: turnover divided by volume is a price of the day. Source
of the belief: the vendor's own sample (`pvolume` / `volume` = 100 for a share), and its manual for bonds.
"""

from __future__ import annotations

import numpy as np

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import BONDS, FUNDS, Code, Kind
from bullet_trade.ports.market_data import FloatArray

ENOUGH = 1_000
"""Volumes below this prove nothing: whole lots are rounded."""
SLACK = 0.005
LOTS = (100, 10, 1)
_PROVABLE = FUNDS | {Kind.STOCK, Kind.CDR}
"""Kinds whose turnover is price times volume; indices and bonds with accrued interest are not."""


def believed_lot(kind: Kind) -> int:
    """Shares, units or 张 in one lot."""
    return 10 if kind in BONDS or kind is Kind.REPO else 100


def lot_of_day(code: Code, kind: Kind, volume: float, money: float, low: float, high: float) -> int:
    """Pieces in one unit of `volume`, which traded for `money` yuan between `low` and `high`.

    Raises `DataError` where no unit explains the figures.
    """
    one: FloatArray = np.array([[volume], [money], [low], [high]], dtype=np.float64)
    return lot_of_days(code, kind, one[0], one[1], one[2], one[3])


def lot_of_days(
    code: Code, kind: Kind, volume: FloatArray, money: FloatArray, low: FloatArray, high: FloatArray
) -> int:
    """The same over several days: the unit that fits nine days of ten. Raises `DataError` where none does."""
    belief = believed_lot(kind)
    telling = (volume >= ENOUGH) & (money > 0) & (low > 0)
    if kind not in _PROVABLE or not telling.any():
        return belief
    mean = money[telling] / volume[telling]
    for lot in (belief, *LOTS):
        fitting = (mean / lot >= low[telling] * (1 - SLACK)) & (mean / lot <= high[telling] * (1 + SLACK))
        if fitting.mean() >= 0.9:  # a vendor's row or two may be off
            return lot
    price = float(np.median(mean)) / belief
    raise DataError(
        f"{code} 的成交量单位不明：成交额除以成交量得 {price:.3f} 元，不在最低价和最高价之间",
        "核对 QMT 里这只证券的成交量和成交额，必要时换一个数据源",
    )
