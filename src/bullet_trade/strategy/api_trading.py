"""Orders: the functions with which a strategy trades. Amounts in shares, values in yuan."""

from __future__ import annotations

import math

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Order, OrderState, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.market.sessions import trading_half
from bullet_trade.strategy.asking import asked
from bullet_trade.strategy.current import session
from bullet_trade.strategy.objects import UserOrder, UserTrade
from bullet_trade.strategy.session import Session
from bullet_trade.strategy.stop_orders import StopOrder
from bullet_trade.strategy.styles import (
    STOP_LOSS,
    LimitOrderStyle,
    MarketOrderStyle,
    OrderStatus,
    OrderStyle,
    StopOrderStyle,
)

UNFINISHED = frozenset({OrderStatus.new, OrderStatus.open, OrderStatus.filled})


def order(
    security: str,
    amount: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | str | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Buy (`amount` > 0) or sell (< 0) shares. Returns the order, or None when it was refused (the log says why).

    Waits until the order is over, at most `wait_timeout` seconds (None: the configured 16 s; 0: not at all).
    """
    run = session()
    style, wait_timeout, side, pindex = as_on_platform(style, wait_timeout, side, pindex)
    check_side(run, side, pindex)
    return _place(run, run.code(security), whole_amount(amount), style_of(price, style), wait_timeout, pindex)


def order_target(
    security: str,
    amount: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | str | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Trade so that `amount` shares are held in the end; the security's unfinished orders are cancelled first.

    None when one of them could not be cancelled and may still trade.
    """
    run = session()
    style, wait_timeout, side, pindex = as_on_platform(style, wait_timeout, side, pindex)
    check_side(run, side, pindex)
    code = run.code(security)
    if not _cancelled_open(run, code, pindex):
        return None
    missing = whole_amount(amount) - _held(run, code, pindex)
    return _place(run, code, missing, style_of(price, style), wait_timeout, pindex)


def order_value(
    security: str,
    value: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | str | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Buy (`value` > 0) or sell (< 0) for about `value` yuan: value over the price, cut to whole lots."""
    run = session()
    style, wait_timeout, side, pindex = as_on_platform(style, wait_timeout, side, pindex)
    check_side(run, side, pindex)
    code, wanted = run.code(security), style_of(price, style)
    return _place(run, code, _shares(run, code, value, wanted), wanted, wait_timeout, pindex)


def order_target_value(
    security: str,
    value: float,
    price: float | OrderStyle | None = None,
    style: OrderStyle | str | None = None,
    wait_timeout: float | None = None,
    side: str = "long",
    pindex: int = 0,
    close_today: bool = False,
) -> UserOrder | None:
    """Trade so that about `value` yuan are held in the end; the security's unfinished orders are cancelled first.

    None when one of them could not be cancelled and may still trade.
    """
    run = session()
    style, wait_timeout, side, pindex = as_on_platform(style, wait_timeout, side, pindex)
    check_side(run, side, pindex)
    code, wanted = run.code(security), style_of(price, style)
    if not _cancelled_open(run, code, pindex):
        return None
    held = _held(run, code, pindex)
    if value <= 0:
        return _place(run, code, -held, wanted, wait_timeout, pindex)
    last = run.parts.quotes.last_price(code)
    return _place(run, code, _shares(run, code, value - held * last, wanted), wanted, wait_timeout, pindex)


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
    if run.stops.cancel(parts[0].parent_id):
        return _view(run, parts)
    asked = [part for part in parts if run.engine.desk.cancel(part, run.engine.now())]
    if asked:
        run.engine.pump(
            lambda: all(part.state is not OrderState.CANCELLING for part in asked), run.engine.terms.order_wait_s
        )
    return _view(run, parts)


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
    families: dict[int, list[Order]] = {
        number: parts
        for number, parts in run.stops.orders.items()
        if code in (None, parts[0].code) and not parts[0].tag
    }
    for one in run.engine.book.orders.values():
        if code in (None, one.code):
            families.setdefault(one.parent_id, []).append(one)
    views = ((number, _view(run, parts)) for number, parts in sorted(families.items()))
    return {
        number: view
        for number, view in views
        if order_id in (None, number, str(number)) and status in (None, view.status)
    }


def get_trades(order_id: int | str | None = None, security: str | None = None) -> dict[str, UserTrade]:
    """Fills of today by trade id."""
    run = session()
    code = run.code(security) if security is not None else None
    orders = run.engine.book.orders
    pairs = ((trade, orders[trade.order_id].parent_id) for trade in run.engine.book.trades)
    return {
        trade.trade_id: UserTrade(trade, number)
        for trade, number in pairs
        if code in (None, trade.code) and order_id in (None, number, str(number))
    }


def _place(
    run: Session, code: Code, amount: int, style: OrderStyle, wait_timeout: float | None, pindex: int
) -> UserOrder | None:
    run.connect()  # a start-up hook may order before the account is known
    if amount == 0:
        _note_nothing(run, code, "委托数量为 0")
        if run.log.shows("order", "warning"):
            unknown = "" if run.engine.security(code) is not None else "（行情源没有这只证券，或当日未上市）"
            run.log.warning(f"{code} 委托数量为 0{unknown}，没有下单")
        return None
    given = getattr(style, "limit_price", None)
    if given is not None and math.isnan(given):
        _note_nothing(run, code, "委托价格未知（NaN）")
        run.log.warning(f"{code} 的委托价格未知（NaN），没有下单；先用 last_price 等检查行情")
        return None
    side = Side.BUY if amount > 0 else Side.SELL
    if isinstance(style, StopOrderStyle):
        return _hold(run, code, amount, style, pindex)
    order_type, limit, percent = _terms(style, side)
    engine = run.engine
    purse = run.subaccounts.purse(pindex, code)
    parent = None
    if pindex:
        parent = engine.desk.reserve()
        run.subaccounts.assign(parent, pindex, engine.now())
    placed = engine.desk.place(
        code, side, abs(amount), order_type, limit, engine.now(), percent, parent, purse, asked()
    )
    if not placed:
        return None
    run.subaccounts.follow(placed)
    if trading_half(engine.now()) is not None:  # outside trading hours nothing can fill: the order stays open
        engine.await_orders(placed, wait_timeout)
    return _view(run, placed)


def _note_nothing(run: Session, code: Code, text: str) -> None:
    """Write down that a call led to no order, and why."""
    now = run.engine.now()
    run.engine.journal.append(now, "no_order", {"code": code, "text": text, "asked": asked()})


def _hold(run: Session, code: Code, amount: int, style: StopOrderStyle, pindex: int) -> UserOrder:
    """Have a stop order watched; nothing leaves yet."""
    side = Side.BUY if amount > 0 else Side.SELL
    run.subaccounts.purse(pindex, code)  # a book that does not trade refuses now, not when the price is reached
    number, now = run.engine.desk.reserve(), run.engine.now()
    if pindex:
        run.subaccounts.assign(number, pindex, now)
    order_type, limit, _ = _terms(style.triggered(), side)
    rising = (side is Side.BUY) is (style.mode == STOP_LOSS)
    stop = StopOrder(
        number,
        code,
        side,
        abs(amount),
        rising,
        price(style.stop_price),
        limit if order_type is OrderType.LIMIT else Price(0),
        pindex,
        now,
    )
    return _view(run, run.stops.add(stop))


def _view(run: Session, parts: list[Order]) -> UserOrder:
    return UserOrder(parts, run.subaccounts.index_of(parts[0].parent_id))


def _terms(style: OrderStyle, side: Side) -> tuple[OrderType, Price, float | None]:
    if isinstance(style, LimitOrderStyle):
        return OrderType.LIMIT, price(float(style.limit_price)), None
    if isinstance(style, MarketOrderStyle):
        percent = style.buy_price_percent if side is Side.BUY else style.sell_price_percent
        limit = price(float(style.limit_price)) if style.limit_price else Price(0)
        return OrderType.MARKET, limit, percent
    raise StrategyError(
        f"不支持的下单方式 {type(style).__name__}",
        "用 MarketOrderStyle、LimitOrderStyle、StopMarketOrderStyle 或 StopLimitOrderStyle",
    )


def as_on_platform(
    style: OrderStyle | str | None, wait_timeout: float | None, side: str, pindex: int
) -> tuple[OrderStyle | None, float | None, str, int]:
    """Undo the platform's order of positions: ``order(code, amount, style, side, pindex)`` has the side, a text, where
    ours has the style, and the index where ours has the time to wait."""
    if style in ("long", "short"):
        return None, None, str(style), int(wait_timeout or 0)
    if isinstance(style, str):
        raise StrategyError(f"不支持的下单方式 str {style!r}", "用 MarketOrderStyle() 或 LimitOrderStyle(限价)")
    return style, wait_timeout, side, pindex


def style_of(price: float | OrderStyle | None, style: OrderStyle | None) -> OrderStyle:
    if style is not None:
        return style
    if isinstance(price, OrderStyle):
        return price
    return MarketOrderStyle() if price is None else LimitOrderStyle(float(price))


def _shares(run: Session, code: Code, value: float, style: OrderStyle) -> int:
    if isinstance(style, LimitOrderStyle):
        at = float(style.limit_price)
    elif isinstance(style, StopOrderStyle):
        at = style.sizing_price
    else:
        at = run.parts.quotes.last_price(code)
    if not at > 0 or not math.isfinite(value):
        return 0
    # A float quotient a hair below a whole number (2099.9999999) is that whole number.
    shares = abs(value) / at
    whole = math.floor(shares + 1e-6)
    return whole if value >= 0 else -whole


def whole_amount(amount: float) -> int:
    if isinstance(amount, bool) or not math.isfinite(amount):
        raise StrategyError(f"委托数量 {amount!r} 无效", "数量必须是有限的数字")
    return int(amount)


def _held(run: Session, code: Code, pindex: int) -> int:
    run.connect()
    subaccounts = run.subaccounts
    ledger = subaccounts.book(pindex).ledger if subaccounts.books else run.engine.ledger
    position = ledger.positions.get(code)
    return position.amount if position is not None else 0


def _cancelled_open(run: Session, code: Code, pindex: int) -> bool:
    """Cancel the security's unfinished orders; False, with a warning, while one of them may still trade.

    An order sent on top of it could make the target be reached twice.
    """
    index_of = run.subaccounts.index_of
    for stop in run.stops.waiting(code):
        if stop.pindex == pindex:
            run.stops.cancel(stop.number)

    def alive() -> list[Order]:
        return [one for one in run.engine.book.open_orders(code) if index_of(one.parent_id) == pindex]

    for number in sorted({one.parent_id for one in alive()}):
        cancel_order(number)
    left = "、".join(f"#{one.order_id}" for one in alive())
    if left:
        _note_nothing(run, code, f"委托 {left} 没有确认撤销，仍可能成交")
        run.log.warning(f"{code} 的委托 {left} 没有确认撤销，仍可能成交，本次未下单；请等它结束后再调仓")
    return not left


def _find(run: Session, wanted: UserOrder | int | str) -> list[Order]:
    number = str(wanted.order_id if isinstance(wanted, UserOrder) else wanted)
    for held, parts in run.stops.orders.items():
        if str(held) == number:
            return parts
    return [one for one in run.engine.book.orders.values() if str(one.parent_id) == number]


def check_side(run: Session, side: str, pindex: int) -> None:
    """Raises `StrategyError` for a short sale, and for a book that does not exist or does not trade."""
    if side != "long":
        raise StrategyError(f"side={side!r} 不支持：A 股账户只能做多", "去掉 side 参数或用 side='long'")
    if not 0 <= pindex < max(1, len(run.subaccounts.books)):
        count = max(1, len(run.subaccounts.books))
        raise StrategyError(f"pindex={pindex} 不存在：共有 {count} 个账户", "检查 pindex，或先用 set_subportfolios")
