"""Arguments of the data functions as strategies pass them: one code or several, one field or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import Security

if TYPE_CHECKING:
    from bullet_trade.strategy.session import Session

Codes = str | Iterable[str]


def field_names(fields: object, default: tuple[str, ...]) -> tuple[str, ...]:
    """Names of fields; None means `default`."""
    if fields is None:
        return default
    if isinstance(fields, str):
        return (fields,)
    if isinstance(fields, Iterable):
        return tuple(fields)
    raise StrategyError(f"fields={fields!r} 无效", "写成字段名或字段名列表，例如 ['open', 'close']")


def securities_of(run: Session, codes: Codes) -> dict[str, Security]:
    """Securities by the name that the strategy wrote, in its order. Raises `StrategyError` for an unknown one."""
    names = [codes] if isinstance(codes, str) else list(codes)
    return {name: run.history.security(run.code(name)) for name in names}


def at_least_one(count: object) -> int:
    """A count of rows. Raises `StrategyError` unless it is a whole number above 0."""
    number = int(count) if isinstance(count, int | float) or hasattr(count, "__int__") else 0
    if number <= 0:
        raise StrategyError(f"count={count!r} 无效", "数量必须是大于 0 的整数")
    return number


def swapped_fields(unit: object, fields: object) -> tuple[object, object]:
    """Undo a common slip: fields given in the place of the unit mean the default unit."""
    if isinstance(unit, Sequence) and not isinstance(unit, str):
        return "1d", unit
    return unit, fields
