"""What a new simulated account holds, as the user writes it: ``600519.XSHG:100@1500.00,510300.XSHG:1000``."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from bullet_trade.brokers.simulator.account import Opening
from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import normalize

VARIABLE = "SIMULATOR_INITIAL_POSITIONS"
_REMEDY = "写成 代码:股数@成本价，用逗号分隔，例如 600519.XSHG:100@1500.00,510300.XSHG:1000"


def parse_initial_positions(text: str) -> tuple[Opening, ...]:
    """The positions in `text`, empty for an empty text; the cost may be left out.

    Raises `UsageError` naming the part that cannot be used.
    """
    found: dict[Code, Opening] = {}
    for part in (piece.strip() for piece in text.replace("，", ",").split(",")):
        if not part:
            continue
        position = _one(part)
        if position.code in found:
            raise UsageError(f"{VARIABLE} 中 {position.code} 出现了两次", "每个证券只写一次")
        found[position.code] = position
    return tuple(found.values())


def _one(part: str) -> Opening:
    written, colon, rest = part.partition(":")
    amount, _, cost = rest.partition("@")
    if not colon or not amount.strip().isdecimal() or int(amount) == 0:
        raise UsageError(f"{VARIABLE} 中的 {part!r} 无效", _REMEDY)
    try:
        code = normalize(written.strip())
    except UsageError as error:
        raise UsageError(f"{VARIABLE} 中的代码 {written!r} 无效：{error.text}", _REMEDY) from error
    return Opening(code, int(amount), _cost(part, cost.strip()) if cost.strip() else Price(0))


def _cost(part: str, written: str) -> Price:
    try:
        exact = Decimal(written)
    except InvalidOperation:
        exact = Decimal(-1)
    if not exact.is_finite() or exact <= 0:
        raise UsageError(f"{VARIABLE} 中 {part!r} 的成本价 {written!r} 无效", _REMEDY)
    return price(exact)
