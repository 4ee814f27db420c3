"""Several orders by one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.api_trading import cancel_order, check_side, order, style_of, whole_amount
from bullet_trade.strategy.current import session
from bullet_trade.strategy.objects import UserOrder
from bullet_trade.strategy.styles import OrderStyle

FIELDS = frozenset({"security", "amount", "style", "side", "pindex", "close_today"})


def batch_submit_orders(orders: Sequence[Mapping[str, object]]) -> list[UserOrder]:
    """Place orders given as dicts with `security`, `amount` and, if wanted, `style`, `side`, `pindex`, `close_today`.

    All are checked before the first one leaves: `StrategyError` names the one that is wrong, and none is placed. They
    are then placed one after another; those that a rule refuses are missing in the result.
    """
    run = session()
    for place, wanted in enumerate(orders):
        unknown = sorted(set(wanted) - FIELDS)
        missing = sorted({"security", "amount"} - set(wanted))
        if unknown or missing:
            raise StrategyError(
                f"第 {place + 1} 笔委托的字段有误：多余 {unknown}，缺少 {missing}",
                f"可用字段：{'、'.join(sorted(FIELDS))}",
            )
        run.code(wanted["security"])
        whole_amount(_number(wanted["amount"]))
        check_side(run, str(wanted.get("side", "long")), int(_number(wanted.get("pindex", 0))))
    placed = [_submit(wanted) for wanted in orders]
    return [one for one in placed if one is not None]


def _submit(wanted: Mapping[str, object]) -> UserOrder | None:
    style = wanted.get("style")
    return order(
        session().code(wanted["security"]),
        _number(wanted["amount"]),
        style=style if isinstance(style, OrderStyle) else style_of(None, None),
        pindex=int(_number(wanted.get("pindex", 0))),
    )


def _number(value: object) -> float:
    if not isinstance(value, int | float) and not hasattr(value, "__float__"):
        raise StrategyError(f"数量 {value!r} 无效", "数量必须是数字")
    return float(value)


def batch_cancel_orders(orders: Iterable[UserOrder | int | str]) -> list[UserOrder]:
    """Cancel orders, given as orders or ids; those that exist."""
    cancelled = [cancel_order(one) for one in orders]
    return [one for one in cancelled if one is not None]
