"""Settings, curves and messages of a strategy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.money import money
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import Recorded, StrategyMessage
from bullet_trade.ports.terms import Cost, Slippage, rate
from bullet_trade.strategy.current import session


class OrderCost:
    """Costs of a type of security: taxes and commissions as fractions of the turnover, the minimum in yuan."""

    def __init__(
        self,
        open_tax: float = 0.0,
        close_tax: float = 0.0,
        open_commission: float = 0.0,
        close_commission: float = 0.0,
        close_today_commission: float = 0.0,
        min_commission: float = 0.0,
    ) -> None:
        self.open_tax = open_tax
        self.close_tax = close_tax
        self.open_commission = open_commission
        self.close_commission = close_commission
        self.close_today_commission = close_today_commission
        self.min_commission = min_commission


class PerTrade:
    """The older form of costs: fractions of the turnover, tax included in the selling side; the minimum in yuan."""

    def __init__(self, buy_cost: float = 0.0003, sell_cost: float = 0.0013, min_cost: float = 5.0) -> None:
        self.buy_cost = buy_cost
        self.sell_cost = sell_cost
        self.min_cost = min_cost


class FixedSlippage:
    """Half of `value` yuan on each side."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value


class PriceRelatedSlippage:
    """Half of `value` (a fraction of the price) on each side."""

    def __init__(self, value: float = 0.00246) -> None:
        self.value = value


class StepRelatedSlippage:
    """Price steps; meant for futures. For shares a step is 0.01 yuan, half of the steps on each side."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value


AnySlippage = FixedSlippage | PriceRelatedSlippage | StepRelatedSlippage

STOCK_LIKE = {"stock": "stock", "fund": "fund", "mmf": "fund", "stock_fund": "fund", "QDII_fund": "fund"}
"""JoinQuant's types and the group of securities that each means here; other types (futures) have no effect."""


def set_benchmark(security: str | dict[str, float]) -> None:
    """The index, fund or share that the result is compared with."""
    run = session()
    name = security if isinstance(security, str) else max(security, key=lambda code: security[code])
    run.settings.benchmark = run.code(name)


def set_option(key: str, value: object) -> None:
    """Set one of the platform's options; an unknown one is stored and warned about."""
    run = session()
    if not run.settings.set_option(key, value, run.trading):
        run.log.warning(f"set_option 不认识的选项 {key!r}，已忽略")


def set_order_cost(cost: OrderCost, type: str = "stock", ref: str | None = None) -> None:
    """Costs of a type of security, or of the one security `ref`, on the simulated exchange."""
    run = session()
    key = run.code(ref) if ref else STOCK_LIKE.get(type)
    if key is None:
        run.log.debug(f"set_order_cost: 类型 {type!r} 对 A 股账户没有作用")
        return
    run.trading.costs[key] = Cost(
        open_rate=rate(cost.open_commission),
        close_rate=rate(cost.close_commission),
        open_tax=rate(cost.open_tax),
        close_tax=rate(cost.close_tax),
        minimum=money(float(cost.min_commission)),
    )


def set_commission(cost: PerTrade) -> None:
    """The older form of `set_order_cost`, for shares and funds."""
    run = session()
    converted = Cost(rate(cost.buy_cost), rate(cost.sell_cost), 0, 0, money(float(cost.min_cost)))
    for group in ("stock", "fund"):
        run.trading.costs[group] = converted


def set_slippage(slippage: AnySlippage, type: str | None = None, ref: str | None = None) -> None:
    """How much worse than the quoted price market orders fill on the simulated exchange."""
    run = session()
    key = run.code(ref) if ref else "" if type is None else STOCK_LIKE.get(type)
    if key is None:
        return
    match slippage:
        case FixedSlippage():
            run.trading.slippage[key] = Slippage(yuan=float(slippage.value))
        case PriceRelatedSlippage():
            run.trading.slippage[key] = Slippage(ratio=float(slippage.value))
        case StepRelatedSlippage():
            run.trading.slippage[key] = Slippage(yuan=0.01 * float(slippage.value))
        case _:
            raise StrategyError(f"不支持的滑点 {slippage!r}", "用 FixedSlippage 或 PriceRelatedSlippage")


def set_universe(securities: Iterable[str]) -> None:
    """The default list of `history`."""
    run = session()
    run.context.universe = [run.code(code) for code in securities]


RECORD_DAY_ENDS = timedelta(hours=8)
"""From 16:00 on, recorded values count for the next day."""


def record(**values: float) -> None:
    """Curves for the report: one value a day and name, the last one counts."""
    run = session()
    kept = {name: float(value) for name, value in values.items() if _is_number(value)}
    now: datetime = run.logical_now()
    recorded = Recorded((now + RECORD_DAY_ENDS).date(), kept)
    run.engine.journal.append(now, "recorded", recorded)
    run.parts.audience.tell(recorded)


def _is_number(value: object) -> bool:
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]  # anything float() takes will do
    except (TypeError, ValueError):
        return False


def send_message(message: object, channel: str = "weixin") -> bool:
    """A message to the operator: written to the log, sent over the channels of `NOTIFY_URLS` (live runs), and given to
    the handler of `set_message_handler`. Does not wait for the channels.

    False when the handler raised; the log says why.
    """
    run = session()
    run.log.info(f"[策略消息] {message}")
    run.parts.audience.tell(StrategyMessage(run.engine.now(), str(message)))
    if run.message_handler is None:
        return True
    try:
        run.message_handler(str(message))
    except Exception as error:  # noqa: BLE001 - a message that cannot be delivered must not stop trading
        run.log.warning(f"消息处理函数出错：{type(error).__name__}: {error}")
        return False
    return True


send_msg = send_message


def set_message_handler(handler: Callable[[str], object] | None) -> None:
    """Have each message given to ``handler(text)``; None stops it. A function of the strategy file is found again
    after a restart."""
    if handler is not None and not callable(handler):
        raise StrategyError(f"消息处理函数 {handler!r} 无效", "传入函数本身，例如 set_message_handler(notify)")
    session().message_handler = handler


def disable_cache() -> None:
    """Accepted; nothing is to be switched off."""


def enable_profile() -> None:
    """Accepted; profiles are made from outside."""


def subscribe(security: str | Iterable[str], frequency: str = "tick") -> None:
    """Deliver each tick of the securities to `handle_tick(context, tick)`."""
    run = session()
    if frequency != "tick":
        raise StrategyError(f"subscribe 的频率 {frequency!r} 不支持", "只支持 'tick'")
    run.subscribe(_codes(security))


def unsubscribe(security: str | Iterable[str], frequency: str = "tick") -> None:
    """Stop delivering ticks of the securities."""
    session().unsubscribe(_codes(security))


def unsubscribe_all() -> None:
    """Stop delivering ticks."""
    run = session()
    run.unsubscribe(list(run.subscriptions))


def _codes(security: str | Iterable[str]) -> list[Code]:
    run = session()
    return [run.code(one) for one in ([security] if isinstance(security, str) else security)]
