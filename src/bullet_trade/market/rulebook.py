"""All rules that apply to one security on one day, and one order checked against them in a fixed order."""

from __future__ import annotations

from datetime import date, time
from typing import NamedTuple

import msgspec

from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import OPEN_END, Kind, Security
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.market.lots import Lot, check_lot, lot_rule
from bullet_trade.market.market_orders import check_market_order
from bullet_trade.market.order_size import check_order_size, max_order_amount, split_by
from bullet_trade.market.overrides import Overrides
from bullet_trade.market.price_cage import Book, check_price_cage, price_cage
from bullet_trade.market.price_limit import LONGEST_LISTING_DAYS, PriceLimits, check_price_limit, price_limits
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.rule_lines import RuleLine, commission_line, rule_lines
from bullet_trade.market.segments import is_retired
from bullet_trade.market.sessions import Phase, check_session, phase_at
from bullet_trade.market.settlement import check_sellable
from bullet_trade.market.st_cap import check_st_cap
from bullet_trade.market.tick_size import check_tick
from bullet_trade.market.timeline import ALWAYS

_FIVE_SESSIONS_AT_MOST_DAYS = 30
"""Five sessions have never taken longer, holidays included."""


class RuleSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What applies to a security on a day. `limits` None: no daily limit, or no previous close given."""

    security: Security
    day: date
    is_session: bool
    listed_days: int | None
    limits: PriceLimits | None
    lines: tuple[RuleLine, ...]


class Proposal(NamedTuple):
    """An order before it leaves. `limit_price` is the limit, or a market order's protection price (0: none).

    `sellable` counts for sales, `bought_today` and `pending_buy` for the cap on risk-warning shares.
    `after_hours`: a fixed-price order for the time after the close.
    """

    security: Security
    side: Side
    order_type: OrderType
    amount: int
    limit_price: Price
    sellable: int = 0
    bought_today: int = 0
    pending_buy: int = 0
    after_hours: bool = False


class RuleBook:
    """The rules with the user's overrides, the account's fees and the trading calendar."""

    def __init__(self, overrides: Overrides, fees: FeeSchedule, calendar: TradingCalendar) -> None:
        """`fees` are usually made from `overrides.commission`."""
        self.overrides = overrides
        self.fees = fees
        self.calendar = calendar

    def lot(self, security: Security, day: date) -> Lot:
        """The lot rule, the user's own one first."""
        return self.overrides.of(security.code).lot or lot_rule(security, day)

    def max_order(self, security: Security, order_type: OrderType, day: date, *, after_hours: bool = False) -> int:
        """The largest quantity of one order, the user's own one first."""
        mine = self.overrides.of(security.code).max_order
        return mine or max_order_amount(security, order_type, day, after_hours=after_hours)

    def split(self, security: Security, side: Side, amount: int, order_type: OrderType, day: date) -> list[int]:
        """As `order_size.split`, with the user's own lot and maximum."""
        maximum = self.max_order(security, order_type, day)
        return split_by(security, side, amount, maximum, self.lot(security, day))

    def listed_days(self, security: Security, day: date) -> int | None:
        """Which trading day since listing `day` is, 1 for the first; None when long listed or not known."""
        listed = security.list_date
        if listed <= ALWAYS or not 0 <= (day - listed).days <= _FIVE_SESSIONS_AT_MOST_DAYS:
            return None
        number = len(self.calendar.sessions(listed, day))
        return number if number <= LONGEST_LISTING_DAYS else None

    def limits(self, security: Security, day: date, prev_close: Price) -> PriceLimits | None:
        """The day's limit prices, new listings included; None: no limit. Raises as `price_limits` does."""
        security = self.overrides.apply(security)
        return price_limits(security, day, prev_close, self.listed_days(security, day))

    def rules_for(self, security: Security, day: date, prev_close: Price | None = None) -> RuleSummary:
        """What applies on `day`. Raises `CalendarEndError` for a day that the calendar does not know."""
        security = self.overrides.apply(security)
        days = self.listed_days(security, day)
        mine = self.overrides.of(security.code)
        return RuleSummary(
            security=security,
            day=day,
            is_session=self.calendar.is_session(day),
            listed_days=days,
            limits=price_limits(security, day, prev_close, days) if prev_close else None,
            lines=(
                *rule_lines(security, day, days, mine.lot, mine.max_order),
                commission_line(self.fees.commission_of(security)),
            ),
        )

    def check_order(
        self, order: Proposal, day: date, at: time, limits: PriceLimits | None, book: Book
    ) -> Refusal | None:
        """The first rule that forbids the order at this moment, or None.

        The order of the rules is fixed: tradable, listed, trading_day, session, market_order, lot_size,
        order_size, sellable, tick_size, price_limit, price_cage, st_buy_cap. `limits` None: no limit
        today. Raises `CalendarEndError` for a day the calendar does not know.
        """
        order = order._replace(security=self.overrides.apply(order.security))
        return (
            self._check_day(order.security, day)
            or check_session(order.security, day, at, order.order_type, after_hours=order.after_hours)
            or _check_style(order, limits)
            or self._check_amount(order, day)
            or _check_price(order, day, at, limits, book)
            or _check_cap(order, day)
        )

    def _check_day(self, security: Security, day: date) -> Refusal | None:
        if security.kind in {Kind.INDEX, Kind.OTHER}:
            remedy = "请核对代码；确可交易时在规则覆盖文件中写明 kind 与 board"
            return Refusal("tradable", f"{security.code}", "是指数或未知代码段，不能买卖", remedy)
        if is_retired(security.exchange, security.code[:6], day):
            return Refusal("listed", f"{security.code}", "北交所旧代码自 2025-10-09 起停用", "请改用 920 开头的新代码")
        if not security.listed_on(day):
            until = "" if security.end_date == OPEN_END else f" 至 {security.end_date}"
            bound = f"上市期间为 {security.list_date}{until}"
            return Refusal("listed", f"{security.code} 在 {day}", bound, "请核对代码与日期")
        if not self.calendar.is_session(day):
            following = self.calendar.session_on_or_after(day)
            return Refusal("trading_day", f"{security.code} 在 {day}", "不是交易日", f"请等到 {following}")
        return None

    def _check_amount(self, order: Proposal, day: date) -> Refusal | None:
        security = order.security
        lot = self.lot(security, day)
        most = self.max_order(security, order.order_type, day, after_hours=order.after_hours)
        sellable = order.sellable if order.side is Side.SELL else 0
        return (
            check_lot(security, order.side, order.amount, sellable, day, lot=lot)
            or check_order_size(security, order.amount, most)
            or (check_sellable(security, order.amount, sellable) if order.side is Side.SELL else None)
        )


def _check_style(order: Proposal, limits: PriceLimits | None) -> Refusal | None:
    if order.order_type is not OrderType.MARKET:
        return None
    return check_market_order(order.security, has_limits=limits is not None)


def _check_price(order: Proposal, day: date, at: time, limits: PriceLimits | None, book: Book) -> Refusal | None:
    security, price = order.security, order.limit_price
    if order.order_type is OrderType.MARKET and not price:
        return None
    refusal = check_tick(security, price, day) or check_price_limit(security, price, limits)
    caged = order.order_type is OrderType.LIMIT and not order.after_hours
    if refusal or not caged or phase_at(security, day, at) is not Phase.CONTINUOUS:
        return refusal
    cage = price_cage(security, order.side, day, book, limits)
    return check_price_cage(security, order.side, price, cage)


def _check_cap(order: Proposal, day: date) -> Refusal | None:
    if order.side is not Side.BUY:
        return None
    return check_st_cap(order.security, order.amount, day, order.bought_today, order.pending_buy)
