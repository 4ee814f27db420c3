"""Whether volume, money and price of an import are in the units that the user said: money must be volume x price."""

from __future__ import annotations

import math

import duckdb

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Code, Kind
from bullet_trade.market.boards import describe
from bullet_trade.quotes.local.columns import BARS_1D, BARS_1M, TICKS, Table

_PRICE_COLUMN = {BARS_1M: "close", BARS_1D: "close", TICKS: "current"}

# Kinds whose money is not volume x price: points and rates.
_NO_PRICE = (Kind.INDEX, Kind.REPO)

# The average price of a bar is never half or twice its close; other units or adjusted prices are.
_LOW, _HIGH = 0.5, 2.0

# Power of ten by which money / (volume x price) is off -> what is probably wrong.
_CAUSES = {
    2: "成交量像是以手为单位，请加 --volume-unit lot",
    1: "成交量像是以手为单位（债券 1 手 10 张），请加 --volume-unit lot",
    -1: "成交量像是手、成交额像是千元，请加 --volume-unit lot --money-unit thousand",
    -2: "成交量像是已以股为单位（请去掉 --volume-unit lot），或成交量是手、成交额是万元（请加 --money-unit wan）",
    -3: "成交额像是千元，请加 --money-unit thousand",
    -4: "成交额像是万元，请加 --money-unit wan",
}


def check_units(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Raises UsageError for the first code of `typed_<table>` whose money is no volume times price."""
    price = _PRICE_COLUMN.get(table)
    if price is None:
        return
    ratios = connection.execute(
        f"""SELECT code, median(money / (volume * {price})) FROM typed_{table.name}
            WHERE volume > 0 AND money > 0 AND {price} > 0 GROUP BY code ORDER BY code"""
    ).fetchall()
    for code, ratio in ratios:
        if _LOW <= ratio <= _HIGH or describe(Code(code)).kind in _NO_PRICE:
            continue
        power = round(math.log10(ratio))
        off_by_ten = _LOW <= ratio / 10**power <= _HIGH
        cause = _CAUSES.get(power) if off_by_ten else None
        raise UsageError(
            f"{code} 的成交额是成交量乘价格的 {ratio:.4g} 倍，单位或价格不对；没有写入任何内容",
            cause or "请导入不复权价格，并用 --volume-unit 和 --money-unit 说明单位",
        )
