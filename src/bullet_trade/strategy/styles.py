"""Order styles as strategies write them, and order states in JoinQuant's words. Prices in yuan."""

from __future__ import annotations

import math
from enum import Enum

from bullet_trade.domain.errors import StrategyError


class OrderStatus(Enum):
    """JoinQuant's words. Beware: `filled` means partly filled, `held` means completely filled."""

    open = 0
    filled = 1
    canceled = 2
    rejected = 3
    held = 4
    new = 8
    pending_cancel = 9

    def __str__(self) -> str:
        return self.name


class OrderStyle:
    """Base of the order styles."""


class MarketOrderStyle(OrderStyle):
    """Market order. `limit_price` is the protection price in yuan; the percentages are fractions of the last price."""

    def __init__(
        self,
        limit_price: float | None = None,
        buy_price_percent: float | None = None,
        sell_price_percent: float | None = None,
    ) -> None:
        self.limit_price = limit_price
        self.buy_price_percent = buy_price_percent
        self.sell_price_percent = sell_price_percent


class LimitOrderStyle(OrderStyle):
    """Limit order at `limit_price` yuan. NaN (a quote that is not known) is refused when the order is placed."""

    def __init__(self, limit_price: float) -> None:
        self.limit_price = limit_price if math.isnan(limit_price) else _positive("限价", limit_price)


STOP_LOSS, TAKE_PROFIT = "stop_loss", "take_profit"


class StopOrderStyle(OrderStyle):
    """Base of styles that wait for a price. With ``stop_loss`` a purchase waits for the price to rise to `stop_price`
    and a sale for it to fall there; with ``take_profit`` the reverse."""

    def __init__(self, mode: str, stop_price: float) -> None:
        if mode not in (STOP_LOSS, TAKE_PROFIT):
            raise StrategyError(f"条件单的 mode={mode!r} 无效", "写成 'stop_loss' 或 'take_profit'")
        self.mode = mode
        self.stop_price = _positive("触发价", stop_price)

    @property
    def sizing_price(self) -> float:
        """The price by which a value is turned into shares."""
        return self.stop_price

    def triggered(self) -> OrderStyle:
        """How the order is placed once the price is reached."""
        raise NotImplementedError


class StopMarketOrderStyle(StopOrderStyle):
    """A market order once the price is reached."""

    def triggered(self) -> OrderStyle:
        return MarketOrderStyle()


class StopLimitOrderStyle(StopOrderStyle):
    """A limit order at `limit_price` once the price is reached."""

    def __init__(self, mode: str, stop_price: float, limit_price: float) -> None:
        super().__init__(mode, stop_price)
        self.limit_price = _positive("限价", limit_price)

    @property
    def sizing_price(self) -> float:
        return self.limit_price

    def triggered(self) -> OrderStyle:
        return LimitOrderStyle(self.limit_price)


def _positive(what: str, value: float) -> float:
    number = float(value)
    if not (number > 0 and math.isfinite(number)):
        raise StrategyError(f"{what} {value!r} 无效", f"{what}必须大于 0")
    return number
