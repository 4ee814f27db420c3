"""What `on_event(context, event)` receives."""

from __future__ import annotations

from collections.abc import Sequence

from bullet_trade.domain.securities import FUNDS, Security
from bullet_trade.ports.market_data import CorporateAction
from bullet_trade.strategy.data.security_functions import FUNDS_PER_BASE, STOCKS_PER_BASE


class AccountEvent:
    """Something that happened to a position: its name, book, code and side."""

    name = ""

    def __init__(self, security: str, pindex: int = 0, side: str = "long") -> None:
        self.security = security
        self.pindex = pindex
        self.side = side

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.security})"


class DividendsEvent(AccountEvent):
    """Distributions booked to a position. `dividends` are dicts: `date`, `scale_factor` (1 plus new shares per share),
    `bonus_pre_tax` and `bonus_post_tax` (yuan per ten shares, or per fund unit; tax is taken when shares are sold, so
    that both are the same)."""

    name = "dividends"

    def __init__(self, security: str, dividends: list[dict[str, object]], pindex: int = 0, side: str = "long") -> None:
        super().__init__(security, pindex, side)
        self.dividends = dividends


class ForcedLiquidationEvent(AccountEvent):
    """A position closed by force; without credit it does not happen."""

    name = "forced_liquidation"
    amount = 0


def dividends_of(security: Security, actions: Sequence[CorporateAction]) -> DividendsEvent:
    """The event of some corporate actions of one security."""
    base = FUNDS_PER_BASE if security.kind in FUNDS else STOCKS_PER_BASE
    rows: list[dict[str, object]] = [
        {
            "date": action.ex_date,
            "scale_factor": 1.0 + action.share_ratio,
            "bonus_pre_tax": action.cash_per_share * base,
            "bonus_post_tax": action.cash_per_share * base,
        }
        for action in actions
    ]
    return DividendsEvent(str(security.code), rows)
