"""The limits as a table: one row per rule, whose name is also the error code and, in capitals, the variable.

Sources: the table of the manual's section on risk limits, and for `max_daily_messages` the exchanges' rules on
programmatic trading (`market.programmatic`). An order that comes exactly up to a limit passes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from bullet_trade.domain.money import Money, Price, text
from bullet_trade.domain.orders import Order, OrderId, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.risk_counters import Counters, worst_price
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.market.programmatic import Activity, Ceiling, check_activity
from bullet_trade.market.refusal import Refusal, show_price

BUY, SELL = "买入", "卖出"
WORDS = {Side.BUY: BUY, Side.SELL: SELL}
BOTH = frozenset({Side.BUY, Side.SELL})
BUYS = frozenset({Side.BUY})


class Proposal(NamedTuple):
    """An order that is ready to leave, all its parts together. `limit_price` is the limit or the protection price;
    `parent` the number it is known by where it has one already."""

    code: Code
    side: Side
    amount: int
    parts: int
    limit_price: Price
    last_price: Price
    at: datetime
    parent: OrderId | None = None

    @property
    def value(self) -> Money:
        """What it trades at worst."""
        return Money(self.amount * worst_price(self.side, self.limit_price, self.last_price))

    @property
    def words(self) -> str:
        """The order in a few words."""
        return f"{WORDS[self.side]} {self.code} {self.amount} 股"


Check = Callable[[Proposal, Counters, RiskLimits], Refusal | None]


class OrderRule(NamedTuple):
    """`counted` says in Chinese what is compared with the limit; `used` gives what today has used of it, where the
    limit is one of the day or of the account."""

    name: str
    sides: frozenset[Side]
    counted: str
    check: Check
    used: Callable[[Counters], int] | None = None


class CancelRule(NamedTuple):
    """As `OrderRule`, for cancels."""

    name: str
    counted: str
    check: Callable[[Order, datetime, Counters, RiskLimits], Refusal | None]
    used: Callable[[Counters], int] | None = None


def percent(share: Fraction | float) -> str:
    """A fraction of one as a percentage with up to four decimals, e.g. ``12.5%``."""
    return f"{float(share) * 100:.4f}".rstrip("0").rstrip(".") + "%"


def _raise(name: str, instead: str) -> str:
    return f"请{instead}，或调整 {name.upper()} 后重新启动"


# -- orders ------------------------------------------------------------------------------------------------------------


def _whitelist(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    if order.code in limits.risk_whitelist:
        return None
    bound = f"不在白名单（共 {len(limits.risk_whitelist)} 只）"
    return Refusal("risk_whitelist", order.words, bound, _raise("risk_whitelist", "换一只证券"))


def _blacklist(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    if order.code not in limits.risk_blacklist:
        return None
    return Refusal("risk_blacklist", order.words, "在黑名单里", _raise("risk_blacklist", "换一只证券"))


def _price_deviation(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    last, allowed = order.last_price, limits.max_price_deviation
    if not last or not order.limit_price or abs(order.limit_price - last) <= allowed * last:
        return None
    apart = Fraction(order.limit_price - last, last)
    value = f"{order.words}，价格 {show_price(order.limit_price)}，偏离最新价 {show_price(last)} {percent(apart)}"
    return Refusal(
        "max_price_deviation", value, f"上限 {percent(allowed)}", _raise("max_price_deviation", "改用接近最新价的价格")
    )


def _least_value(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    if order.value >= limits.min_buy_order_value:
        return None
    value, bound = f"{order.words}，金额 {text(order.value)} 元", f"下限 {text(limits.min_buy_order_value)} 元"
    return Refusal("min_buy_order_value", value, bound, _raise("min_buy_order_value", "增加买入金额"))


def _order_value(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    if order.value <= limits.max_order_value:
        return None
    value, bound = f"{order.words}，金额 {text(order.value)} 元", f"单笔上限 {text(limits.max_order_value)} 元"
    return Refusal("max_order_value", value, bound, _raise("max_order_value", "减少数量，分几次下单"))


def _position_ratio(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    total, after = counters.total(), counters.exposure(order.code) + order.value
    if after <= limits.max_position_ratio * total:
        return None
    share = percent(Fraction(after, total)) if total > 0 else "—"
    value = f"{order.words}，该证券将达 {text(after)} 元，占总资产 {text(total)} 元的 {share}"
    return Refusal(
        "max_position_ratio",
        value,
        f"上限 {percent(limits.max_position_ratio)}",
        _raise("max_position_ratio", "减少买入"),
    )


def _stock_count(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    securities = counters.securities()
    if order.code in securities or len(securities) < limits.max_stock_count:
        return None
    return Refusal(
        "max_stock_count",
        f"{order.words}，已持有或正在买入 {len(securities)} 只",
        f"上限 {limits.max_stock_count} 只",
        _raise("max_stock_count", "先卖出其他持仓"),
    )


def _daily_trades(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    if counters.orders() + order.parts <= limits.max_daily_trades:
        return None
    value = f"{order.words}，当日已委托 {counters.orders()} 笔，本次 {order.parts} 笔"
    return Refusal(
        "max_daily_trades", value, f"上限 {limits.max_daily_trades} 笔", _raise("max_daily_trades", "次日再下单")
    )


def _daily_value(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    used = counters.turnover()
    if used + order.value <= limits.max_daily_trade_value:
        return None
    value = f"{order.words}，金额 {text(order.value)} 元，当日已成交和未完成委托 {text(used)} 元"
    bound = f"当日上限 {text(limits.max_daily_trade_value)} 元"
    return Refusal("max_daily_trade_value", value, bound, _raise("max_daily_trade_value", "减少数量"))


def allowed_loss(limits: RiskLimits, opening: Money) -> Money:
    """What may be lost in a day by an account that was worth `opening` at the last close."""
    allowed = limits.max_daily_loss
    return Money(int(allowed * opening)) if isinstance(allowed, Fraction) else allowed


def _daily_loss(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    profit = counters.profit()
    allowed = allowed_loss(limits, Money(counters.total() - profit))
    if -profit < allowed or profit >= 0:
        return None
    value, bound = f"{order.words}，当日亏损 {text(-profit)} 元", f"亏损达到 {text(allowed)} 元后不再买入"
    return Refusal("max_daily_loss", value, bound, _raise("max_daily_loss", "等次日再买（卖出不受限）"))


def _duplicate(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    since = order.at - limits.duplicate_order_seconds
    twin = counters.twin(order.code, order.side, order.amount, since, order.parent)
    if twin is None:
        return None
    ago_s = (order.at - twin.created_at).total_seconds()
    return Refusal(
        "duplicate_order_seconds",
        f"{order.words}，{ago_s:.1f} 秒前有相同的委托 #{twin.parent_id}",
        f"{limits.duplicate_order_seconds.total_seconds():g} 秒内不重复下单",
        _raise("duplicate_order_seconds", "确认不是重复信号，稍后再下"),
    )


def _rejects(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    count = counters.rejected_in_a_row(order.code, order.side)
    if count < limits.max_consecutive_rejects:
        return None
    return Refusal(
        "max_consecutive_rejects",
        f"{order.words}，当日已连续 {count} 次被券商拒绝",
        f"达到 {limits.max_consecutive_rejects} 次后当日不再委托",
        _raise("max_consecutive_rejects", "先查明券商拒单的原因"),
    )


def _messages(order: Proposal, counters: Counters, limits: RiskLimits) -> Refusal | None:
    last = counters.messages() + order.parts - 1
    refusal = check_activity(Activity(0, last), Ceiling(per_day=limits.max_daily_messages))
    return refusal and Refusal("max_daily_messages", refusal.value, refusal.bound, refusal.remedy)


ORDER_RULES: tuple[OrderRule, ...] = (
    OrderRule("risk_whitelist", BUYS, "只允许买入名单里的证券", _whitelist),
    OrderRule("risk_blacklist", BUYS, "不允许买入名单里的证券", _blacklist),
    OrderRule("max_price_deviation", BOTH, "限价或市价保护价偏离最新价的百分比", _price_deviation),
    OrderRule("min_buy_order_value", BUYS, "数量 × 限价（市价单按保护价）", _least_value),
    OrderRule(
        "max_order_value", BOTH, "数量 × 限价（市价单按保护价；卖出取限价与最新价中高者），拆单合计", _order_value
    ),
    OrderRule("max_position_ratio", BUYS, "（持仓市值 + 未完成买单 + 本单）÷ 总资产", _position_ratio),
    OrderRule(
        "max_stock_count",
        BUYS,
        "持有或正在买入的证券只数；加仓不受限",
        _stock_count,
        lambda counters: len(counters.securities()),
    ),
    OrderRule(
        "max_daily_trades",
        BOTH,
        "当日发往券商的委托笔数，拆单每笔都算，结果未知和被拒的也算",
        _daily_trades,
        Counters.orders,
    ),
    OrderRule(
        "max_daily_trade_value",
        BOTH,
        "当日成交金额 + 未完成委托的剩余金额 + 本单",
        _daily_value,
        Counters.turnover,
    ),
    OrderRule(
        "max_daily_loss",
        BUYS,
        "持仓较昨收（除权日按除权参考价）的浮动盈亏 + 当日交易盈亏 − 费用；写成 3% 时以昨收总资产为准",
        _daily_loss,
        lambda counters: max(0, -counters.profit()),
    ),
    OrderRule(
        "duplicate_order_seconds", BOTH, "同一证券、方向、数量的委托；全部撤销或被拒、没有成交的不算", _duplicate
    ),
    OrderRule("max_consecutive_rejects", BOTH, "同一证券、方向的委托当日连续被券商或交易所拒绝的次数", _rejects),
    OrderRule(
        "max_daily_messages", BOTH, "当日委托笔数 + 撤单笔数（程序化交易监管口径）", _messages, Counters.messages
    ),
)


# -- cancels -----------------------------------------------------------------------------------------------------------


def _daily_cancels(order: Order, now: datetime, counters: Counters, limits: RiskLimits) -> Refusal | None:
    if counters.cancels() < limits.max_daily_cancels:
        return None
    return Refusal(
        "max_daily_cancels",
        f"撤单 #{order.order_id} {order.code}，当日已撤单 {counters.cancels()} 次",
        f"上限 {limits.max_daily_cancels} 次",
        "需要时由操作员执行 bullet-trade cancel-all，或调整 MAX_DAILY_CANCELS 后重新启动",
    )


def _cancels_of_order(order: Order, now: datetime, counters: Counters, limits: RiskLimits) -> Refusal | None:
    count = counters.cancels_of(order)
    if count < limits.max_cancel_per_order:
        return None
    return Refusal(
        "max_cancel_per_order",
        f"撤单 #{order.order_id} {order.code}，这笔委托已请求撤单 {count} 次",
        f"上限 {limits.max_cancel_per_order} 次",
        "请等待券商应答；需要时由操作员执行 bullet-trade cancel-all",
    )


def _cancel_interval(order: Order, now: datetime, counters: Counters, limits: RiskLimits) -> Refusal | None:
    since, least = counters.since_last_cancel(now), limits.min_cancel_interval_seconds
    if since is None or not -least < since < least:  # a clock set back must not forbid cancels for long
        return None
    return Refusal(
        "min_cancel_interval_seconds",
        f"撤单 #{order.order_id} {order.code}，距上次撤单 {since.total_seconds():.1f} 秒",
        f"至少间隔 {least.total_seconds():g} 秒",
        _raise("min_cancel_interval_seconds", "稍后再撤"),
    )


CANCEL_RULES: tuple[CancelRule, ...] = (
    CancelRule("max_daily_cancels", "当日撤单次数", _daily_cancels, Counters.cancels),
    CancelRule("max_cancel_per_order", "同一笔委托的撤单次数", _cancels_of_order),
    CancelRule("min_cancel_interval_seconds", "距上次撤单（任何委托）的时间", _cancel_interval),
)
