"""Security codes in all their spellings, to the one form used inside (``600519.XSHG``) and back."""

from __future__ import annotations

import re
from functools import lru_cache

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Code, Exchange, Kind
from bullet_trade.market.segments import segment

_SPELLINGS: dict[str, Exchange] = {
    **dict.fromkeys(("XSHG", "SH", "SS", "SSE"), Exchange.SSE),
    **dict.fromkeys(("XSHE", "SZ", "SZSE"), Exchange.SZSE),
    **dict.fromkeys(("XBSE", "BJ", "BSE", "BJSE", "XBEI"), Exchange.BSE),
}
_BY_SUFFIX: dict[str, Exchange] = {exchange.value: exchange for exchange in Exchange}
_SHORT: dict[str, str] = {"XSHG": "SH", "XSHE": "SZ", "XBSE": "BJ"}

_FORM = re.compile(r"(?:([A-Z]{2,4})\.?)?([0-9]{6})(?:\.([A-Z]{2,4}))?")
_CANONICAL = re.compile(r"[0-9]{6}\.(?:XSHG|XSHE|XBSE)")
_REMEDY = "请写六位数字加交易所，例如 600519.XSHG、000001.XSHE 或 920002.XBSE"

# Which reading of a bare code is preferred: what people trade first, what cannot be traded last.
_PREFERENCE = (
    Kind.STOCK,
    Kind.CDR,
    Kind.B_SHARE,
    Kind.ETF,
    Kind.LOF,
    Kind.REIT,
    Kind.CONVERTIBLE,
    Kind.REPO,
    Kind.EXCHANGEABLE,
    Kind.INDEX,
    Kind.BOND,
)


@lru_cache(maxsize=32_768, typed=True)
def normalize(text: str | int) -> Code:
    """The code in the inside form. A bare number is read as a stock before a fund, a bond or an index.

    Accepts suffixes (``.XSHG .SH .SS .SSE``, likewise Shenzhen and Beijing), prefixes (``sh600519``,
    ``SH.600519``), bare digits and whole numbers. Raises `UsageError` for anything else, and where the named
    exchange has no such code segment but another one has.
    """
    exchange, digits = _parse(text)
    if exchange is None:
        return candidates(text)[0]
    if segment(exchange, digits).kind is Kind.OTHER:
        elsewhere = _readings(digits)
        if elsewhere:
            raise UsageError(
                f"证券代码 {text} 与交易所不符：{digits[:3]} 不是该交易所的代码段",
                f"是否应为 {' 或 '.join(elsewhere)}",
            )
    return Code(f"{digits}.{exchange.value}")


def candidates(text: str | int) -> tuple[Code, ...]:
    """Every security that `text` may mean, the preferred one first; several only for ambiguous bare codes.

    Raises `UsageError` where no exchange uses such a code.
    """
    exchange, digits = _parse(text)
    if exchange is not None:
        return (normalize(text),)
    found = _readings(digits)
    if not found:
        raise UsageError(f"没有交易所使用证券代码 {text} 所在的代码段", _REMEDY)
    return found


def to_qmt(code: Code) -> str:
    """The form with a short suffix that QMT, Wind and Tushare use: ``600519.SH``."""
    return f"{code[:6]}.{_short(code)}"


def to_prefixed(code: Code) -> str:
    """The form with a prefix that Sina, Tencent and akshare use: ``sh600519``."""
    return f"{_short(code).lower()}{code[:6]}"


def exchange_of(code: Code) -> Exchange:
    """The exchange named by the suffix. Raises `UsageError` for a code that is not in the inside form."""
    exchange = _BY_SUFFIX.get(code[7:])
    if exchange is None:
        raise UsageError(f"证券代码 {code} 没有写明交易所", _REMEDY)
    return exchange


def is_canonical(code: str) -> bool:
    """Whether `code` is written in the inside form; says nothing about whether such a security exists."""
    return _CANONICAL.fullmatch(code) is not None


def _short(code: Code) -> str:
    return _SHORT[exchange_of(code)]


def _parse(text: str | int) -> tuple[Exchange | None, str]:
    written = f"{text:06d}" if isinstance(text, int) else text.strip().upper()
    match = _FORM.fullmatch(written)
    if match is None or isinstance(text, bool):
        raise UsageError(f"无法识别证券代码 {text!r}", _REMEDY)
    prefix, digits, suffix = match.groups()
    mark = prefix or suffix
    if mark is None:
        return None, digits
    exchange = _SPELLINGS.get(mark)
    if exchange is None or (prefix and suffix and _SPELLINGS.get(suffix) is not exchange):
        raise UsageError(f"无法识别证券代码 {text!r} 的交易所", _REMEDY)
    return exchange, digits


def _readings(digits: str) -> tuple[Code, ...]:
    kinds = [(segment(exchange, digits).kind, exchange) for exchange in Exchange]
    known = [(_PREFERENCE.index(kind), exchange) for kind, exchange in kinds if kind is not Kind.OTHER]
    return tuple(Code(f"{digits}.{exchange.value}") for _, exchange in sorted(known))
