"""Column names of common exports (QMT, akshare, tushare, JoinQuant, Chinese terminals) and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bullet_trade.domain.errors import UsageError
from bullet_trade.quotes.local.columns import (
    BARS_1D,
    BARS_1M,
    BOOK_DEPTH,
    CORPORATE_ACTIONS,
    SECURITIES,
    TABLES,
    TICKS,
    Table,
)

# Standard name -> spellings, the preferred one first. Case, blanks, underscores and a unit in brackets do not count.
_SPELLINGS: dict[str, str] = {
    "code": "code 代码 证券代码 股票代码 合约代码 基金代码 债券代码 tscode security stockcode secucode"
    " orderbookid instrument symbol ticker",
    "date": "date 日期 交易日期 tradedate tradingdate 交易日 tradingday",
    "datetime": "datetime 时间 交易时间 time tradetime bartime timestamp 日期时间 updatetime",
    "open": "open 开盘 开盘价 今开 openprice",
    "high": "high 最高 最高价 highprice",
    "low": "low 最低 最低价 lowprice",
    "close": "close 收盘 收盘价 closeprice",
    "volume": "volume vol 成交量 成交股数 总成交量",
    "money": "money amount 成交额 成交金额 totalturnover 总成交额",
    "prev_close": "prevclose preclose lastclose 昨收 前收盘 前收盘价 昨收价 前收",
    "current": "current lastprice 最新价 现价 最新 price last",
    "ex_date": "exdate 除权除息日 除权日 除息日",
    "cash_per_unit": "cashperunit 每股派息 每股现金 cashdivtax cashpershare",
    "ratio": "ratio 份额比例",
    "name": "displayname name 名称 证券名称 股票名称 证券简称 简称 股票简称 基金简称",
    "kind": "kind type 类型 品种",
    "list_date": "listdate startdate 上市日期 上市时间",
    "end_date": "enddate delistdate 退市日期",
    "st": "st isst",
    "t0": "t0",
    "limit_ratio_percent": "limitratiopercent 涨跌幅限制",
    "index": "index 指数代码 指数",
    "day": "day 生效日期",
}
_CHINESE_LEVELS = "一二三四五"
_BOOK = {
    f"{side}{level}_{what}": " ".join(
        spelling.format(level=level, chinese=_CHINESE_LEVELS[level - 1]) for spelling in spellings
    )
    for level in range(1, BOOK_DEPTH + 1)
    for (side, what), spellings in {
        ("a", "p"): (
            "a{level}p",
            "askprice{level}",
            "ask{level}",
            "卖{chinese}价",
            "卖{level}价",
            "卖价{level}",
        ),
        ("b", "p"): (
            "b{level}p",
            "bidprice{level}",
            "bid{level}",
            "买{chinese}价",
            "买{level}价",
            "买价{level}",
        ),
        ("a", "v"): (
            "a{level}v",
            "askvol{level}",
            "askvolume{level}",
            "卖{chinese}量",
            "卖{level}量",
            "卖量{level}",
        ),
        ("b", "v"): (
            "b{level}v",
            "bidvol{level}",
            "bidvolume{level}",
            "买{chinese}量",
            "买{level}量",
            "买量{level}",
        ),
    }.items()
}

_MEANING: dict[str, tuple[int, str]] = {
    spelling: (rank, standard)
    for standard, spellings in (_SPELLINGS | _BOOK).items()
    for rank, spelling in enumerate(spellings.split())
}

# The index column that pandas writes (CSV without a name, Parquet under its own one): the time, if nothing else is.
_UNNAMED = ("", "unnamed:0", "indexlevel0")


def _bare(header: str) -> str:
    return re.sub(r"[(（\[].*|[\s_]", "", header.replace("\ufeff", "").strip().casefold())


def map_headers(headers: Sequence[str], own: Mapping[str, str]) -> dict[str, int]:
    """Standard column name -> position of the source column; `own` (source name -> standard name) comes first.

    Raises UsageError where `own` names a source column or a standard column that does not exist.
    """
    standard_names = {column.name for table in TABLES for column in table.columns}
    found: dict[str, int] = {}
    for source, standard in own.items():
        if source not in headers:
            raise UsageError(f"--columns 里的列 {source} 不在文件里", f"文件的列：{', '.join(headers)}")
        if standard not in standard_names:
            raise UsageError(f"--columns 里没有标准列 {standard}", f"可用：{', '.join(sorted(standard_names))}")
        found[standard] = headers.index(source)
    ranked = sorted(
        (*_MEANING[_bare(header)], position)
        for position, header in enumerate(headers)
        if _bare(header) in _MEANING and header not in own
    )
    for _, standard, position in ranked:
        found.setdefault(standard, position)
    bare = [_bare(header) for header in headers]
    unnamed = next((bare.index(name) for name in _UNNAMED if name in bare), None)
    if unnamed is not None and not found.keys() & {"date", "datetime"}:
        found["datetime"] = unnamed
    return found


def guess_table(columns: Mapping[str, int], *, intraday: bool) -> Table | None:
    """The table whose rows a file with these standard columns holds; `intraday` says whether it has times of day."""
    if "current" in columns and columns.keys() & {"a1_p", "volume"} and "close" not in columns:
        return TICKS
    if columns.keys() >= {"open", "high", "low", "close"}:
        return BARS_1M if intraday else BARS_1D
    if "ex_date" in columns:
        return CORPORATE_ACTIONS
    if "code" in columns and columns.keys() & {"name", "list_date"}:
        return SECURITIES
    return None
