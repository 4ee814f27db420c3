"""What a fund holds, as far as its code and name tell: the fallback where no data source says it.

The day-trading clause of the exchanges admits funds by what they hold, not by code, so every guess here is
a documented fallback: a data source's own field or the user's override comes first, and the broker's
sellable quantity is final. Where nothing is recognised the fund counts as domestic equity (T+1), which can
only delay a sale.
"""

from __future__ import annotations

import re
from enum import StrEnum

from bullet_trade.domain.securities import Code, Kind


class FundType(StrEnum):
    """Holdings that the trading rules tell apart."""

    EQUITY = "equity"
    BOND = "bond"
    MONEY = "money"
    GOLD = "gold"
    COMMODITY = "commodity"
    CROSS_BORDER = "cross_border"


# Segments that hold one type, or only types with the same rules (511: bond and money market funds).
_SEGMENTS = {
    "511.XSHG": FundType.BOND,
    "513.XSHG": FundType.CROSS_BORDER,
    "518.XSHG": FundType.GOLD,
}

# Well-known funds outside those segments, for callers that know no name.
_CODES: dict[str, FundType] = {
    **dict.fromkeys(("510900.XSHG", "159920.XSHE", "159941.XSHE"), FundType.CROSS_BORDER),
    **dict.fromkeys(("501018.XSHG", "160723.XSHE", "161129.XSHE", "162411.XSHE"), FundType.CROSS_BORDER),
    **dict.fromkeys(("161125.XSHE", "161130.XSHE", "164824.XSHE"), FundType.CROSS_BORDER),
    **dict.fromkeys(("159934.XSHE", "159937.XSHE"), FundType.GOLD),
    **dict.fromkeys(("159980.XSHE", "159981.XSHE", "159985.XSHE"), FundType.COMMODITY),
    **dict.fromkeys(("159001.XSHE", "159003.XSHE", "159005.XSHE"), FundType.MONEY),
}

_DOMESTIC = re.compile(r"A股|沪港深|黄金股|黄金产业|标普红利|标普中国|恒生A")
_ABROAD = re.compile(
    "纳指|纳斯达克|标普|道琼斯|恒生|H股|港股|香港|中概|日经|东证|德国|法国|美国"
    "|印度|亚太|东南亚|沙特|巴西|全球|海外|QDII|原油"
)
_NAMES = (
    (re.compile(r"债"), FundType.BOND),
    (re.compile(r"货币|现金|添益|日利|快线|保证金"), FundType.MONEY),
    (re.compile(r"黄金|上海金"), FundType.GOLD),
    (re.compile(r"豆粕|能源化工|有色期货|有色金属期货|商品期货"), FundType.COMMODITY),
    (_ABROAD, FundType.CROSS_BORDER),
)

T0_TYPES = {
    Kind.ETF: frozenset(FundType) - {FundType.EQUITY},
    # Of the LOFs only the cross-border ones; their gold funds are cross-border too.
    Kind.LOF: frozenset({FundType.CROSS_BORDER, FundType.GOLD}),
}

_GROWTH_SEGMENTS = ("588", "589")
_GROWTH_CODES = frozenset({"159915.XSHE", "159949.XSHE", "159952.XSHE"})
_GROWTH_NAMES = re.compile(r"创业板|科创板|科创50|科创100|科创200|科创综指|科创创业|双创")


def fund_type(code: Code, name: str) -> FundType:
    """What the fund holds, by well-known code, segment, then name; `EQUITY` where nothing is recognised."""
    known = _CODES.get(code) or _SEGMENTS.get(code[:3] + code[6:])
    if known is not None:
        return known
    if _DOMESTIC.search(name):
        return FundType.EQUITY
    return next((kind for pattern, kind in _NAMES if pattern.search(name)), FundType.EQUITY)


def holds_growth_boards_only(code: Code, name: str) -> bool:
    """Whether the fund's index is made of STAR or ChiNext shares only, which widens its daily limit to 20%.

    The exchanges publish the list; code and name stand in for it. Bond funds named after the boards are not
    meant.
    """
    if code in _GROWTH_CODES or (code.endswith(".XSHG") and code.startswith(_GROWTH_SEGMENTS)):
        return True
    return _GROWTH_NAMES.search(name) is not None and "债" not in name
