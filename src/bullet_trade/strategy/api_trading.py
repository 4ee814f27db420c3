"""Orders: the functions with which a strategy trades. Amounts in shares, values in yuan."""

from __future__ import annotations

import math

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Order, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.strategy.current import session
from bullet_trade.strategy.objects import (
    LimitOrderStyle,
    MarketOrderStyle,
    OrderStatus,
    OrderStyle,
    UserOrder,
    UserTrade,
)
from bullet_trade.strategy.session import Session

UNFINISHED = frozenset({OrderStatus.new, OrderStatus.open, OrderStatus.filled})


def order(
    security: str,
    amount: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Buy (`amount` > 0) or sell (< 0) shares. Returns the order, or None when it was refused (the log says why).

    Waits until the order is over, at most `wait_timeout` seconds (None: the configured 16 s; 0: not at all).
    """
    run = session()
    _only_long(side, pindex)
    return _place(run, run.code(security), _whole(amount), _style(price, style), wait_timeout)


def order_target(
    security: str,
    amount: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Trade so that `amount` shares are held in the end; the security's unfinished orders are cancelled first.

    None when one of them could not be cancelled and may still trade.
    """
    run = session()
    _only_long(side, pindex)
    code = run.code(security)
    if not _cancelled_open(run, code):
        return None
    return _place(run, code, _whole(amount) - _held(run, code), _style(price, style), wait_timeout)


def order_value(
    security: str,
    value: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Buy (`value` > 0) or sell (< 0) for about `value` yuan: value over the price, cut to whole lots."""
    run = session()
    _only_long(side, pindex)
    code, wanted = run.code(security), _style(price, style)
    return _place(run, code, _shares(run, code, value, wanted), wanted, wait_timeout)


def order_target_value(
    security: str,
    value: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Trade so that about `value` yuan are held in the end; the security's unfinished orders are cancelled first.

    None when one of them could not be cancelled and may still trade.
    """
    run = session()
    _only_long(side, pindex)
    code, wanted = run.code(security), _style(price, style)
    if not _cancelled_open(run, code):
        return None
    held = _held(run, code)
    if value <= 0:
        return _place(run, code, -held, wanted, wait_timeout)
    last = run.parts.quotes.last_price(code)
    return _place(run, code, _shares(run, code, value - held * last, wanted), wanted, wait_timeout)


def order_target_percent(
    security: str,
    percent: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | None = None,
    wait_timeout: float | None = None,
) -> UserOrder | None:
    """Trade so that `percent` (a fraction) of the account's total value is held in the end."""
    return order_target_value(security, percent * session().context.portfolio.total_value, price, style, wait_timeout)


def cancel_order(order_or_id: UserOrder | int | str) -> UserOrder | None:
    """Cancel an order and wait for the answer; the order, or None when there is no such order today."""
    run = session()
    parts = _find(run, order_or_id)
    if not parts:
        return None
    asked = [part for part in parts if run.engine.desk.cancel(part, run.engine.now())]
    if asked:
        run.engine.pump(
            lambda: all(part.state is not OrderState.CANCELLING for part in asked), run.engine.terms.order_wait_s
        )
    return UserOrder(parts)


def cancel_all_orders() -> list[UserOrder]:
    """Cancel all orders of this strategy that are still open; the orders asked for."""
    numbers = list(get_open_orders())
    return [cancelled for number in numbers if (cancelled := cancel_order(number)) is not None]


def get_open_orders() -> dict[int, UserOrder]:
    """Unfinished orders of today by order id."""
    return {number: view for number, view in get_orders().items() if view.status in UNFINISHED}


def get_orders(
    order_id: int | str | None = None,
    security: str | None = None,
    status: OrderStatus | None = None,
) -> dict[int, UserOrder]:
    """Orders of today by order id; the filters combine."""
    run = session()
    code = run.code(security) if security is not None else None
    families: dict[int, list[Order]] = {}
    for one in run.engine.book.orders.values():
        if code in (None, one.code):
            families.setdefault(one.parent_id, []).append(one)
    views = ((number, UserOrder(parts)) for number, parts in families.items())
    return {
        number: view
        for number, view in views
        if order_id in (None, number, str(number)) and status in (None, view.status)
    }


def get_trades(order_id: int | str | None = None, security: str | None = None) -> dict[str, UserTrade]:
    """Fills of today by trade id."""
    run = session()
    code = run.code(security) if security is not None else None
    return {
        t.trade_id: UserTrade(t)
        for t in run.engine.book.trades
        if code in (None, t.code) and order_id in (None, t.order_id, str(t.order_id))
    }


def _place(run: Session, code: Code, amount: int, style: OrderStyle, wait_timeout: float | None) -> UserOrder | None:
    run.connect()  # a start-up hook may order before the account is known
    if amount == 0:
        if run.log.shows("order", "warning"):
            run.log.warning(f"{code} 委托数量为 0，没有下单")
        return None
    side = Side.BUY if amount > 0 else Side.SELL
    order_type, limit, percent = _terms(style, side)
    engine = run.engine
    placed = engine.desk.place(code, side, abs(amount), order_type, limit, engine.now(), percent)
    if not placed:
        return None
    if _market_open(run):
        engine.await_orders(placed, wait_timeout)
    return UserOrder(placed)


def _market_open(run: Session) -> bool:
    # Outside trading hours nothing can fill: the order stays open and is matched when trading begins.
    minute = (now := run.engine.now()).hour * 60 + now.minute
    return 570 <= minute < 690 or 780 <= minute < 900


def _terms(style: OrderStyle, side: Side) -> tuple[OrderType, Price, float | None]:
    if isinstance(style, LimitOrderStyle):
        return OrderType.LIMIT, price(float(style.limit_price)), None
    if isinstance(style, MarketOrderStyle):
        percent = style.buy_price_percent if side is Side.BUY else style.sell_price_percent
        limit = price(float(style.limit_price)) if style.limit_price else Price(0)
        return OrderType.MARKET, limit, percent
    raise StrategyError(f"不支持的下单方式 {type(style).__name__}", "用 MarketOrderStyle 或 LimitOrderStyle")


def _style(price: float | OrderStyle | None, style: OrderStyle | None) -> OrderStyle:
    if style is not None:
        return style
    if isinstance(price, OrderStyle):
        return price
    return MarketOrderStyle() if price is None else LimitOrderStyle(float(price))


def _shares(run: Session, code: Code, value: float, style: OrderStyle) -> int:
    at = float(style.limit_price) if isinstance(style, LimitOrderStyle) else run.parts.quotes.last_price(code)
    if not at > 0 or not math.isfinite(value):
        return 0
    # A float quotient a hair below a whole number (2099.9999999) is that whole number.
    shares = abs(value) / at
    whole = math.floor(shares + 1e-6)
    return whole if value >= 0 else -whole


def _whole(amount: float) -> int:
    if isinstance(amount, bool) or not math.isfinite(amount):
        raise StrategyError(f"委托数量 {amount!r} 无效", "数量必须是有限的数字")
    return int(amount)


def _held(run: Session, code: Code) -> int:
    run.connect()
    position = run.engine.ledger.positions.get(code)
    return position.amount if position is not None else 0


def _cancelled_open(run: Session, code: Code) -> bool:
    """Cancel the security's unfinished orders; False, with a warning, while one of them may still trade.

    An order sent on top of it could make the target be reached twice.
    """
    for number in sorted({one.parent_id for one in run.engine.book.open_orders(code)}):
        cancel_order(number)
    alive = "、".join(f"#{one.order_id}" for one in run.engine.book.open_orders(code))
    if alive:
        run.log.warning(f"{code} 的委托 {alive} 没有确认撤销，仍可能成交，本次未下单；请等它结束后再调仓")
    return not alive


def _find(run: Session, wanted: UserOrder | int | str) -> list[Order]:
    number = str(wanted.order_id if isinstance(wanted, UserOrder) else wanted)
    return [one for one in run.engine.book.orders.values() if str(one.parent_id) == number]


def _only_long(side: str, pindex: int) -> None:
    if side != "long":
        raise StrategyError(f"side={side!r} 不支持：A 股账户只能做多", "去掉 side 参数或用 side='long'")
    if pindex != 0:
        raise StrategyError(f"pindex={pindex} 不存在：只有一个账户", "去掉 pindex 参数或用 pindex=0")
