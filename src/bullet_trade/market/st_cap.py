"""The daily buying cap on risk-warning shares (ST、*ST) per account and stock; sales are not capped."""

from __future__ import annotations

from datetime import date

from bullet_trade.domain.securities import Exchange, Security
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sources import BSE_RISK_2026, OLD_RULES
from bullet_trade.market.timeline import Since, Timeline, in_force

CAPS: dict[Exchange, Timeline[int]] = {
    Exchange.SSE: (Since(date(2013, 1, 1), 500_000, "上交所风险警示板股票交易规定"),),
    Exchange.SZSE: (Since(date(2020, 12, 31), 500_000, OLD_RULES),),
    Exchange.BSE: (Since(date(2026, 8, 31), 200_000, BSE_RISK_2026),),
}


def st_buy_cap(security: Security, day: date) -> int | None:
    """How many shares an account may buy on `day`, all orders together; None: no cap."""
    if not security.st:
        return None
    row = in_force(CAPS[security.exchange], day)
    return row.value if row else None


def check_st_cap(security: Security, amount: int, day: date, bought_today: int, pending_buy: int) -> Refusal | None:
    """No for a purchase that would pass the cap, with fills and working buy orders of the day counted."""
    cap = st_buy_cap(security, day)
    used = bought_today + pending_buy
    if cap is None or used + amount <= cap:
        return None
    remaining = max(0, cap - used)
    return Refusal(
        "st_buy_cap",
        f"{security.code}（风险警示）买入 {amount} 股，当日已买与在途 {used} 股",
        f"单日买入上限 {cap} 股",
        f"请改为不超过 {remaining} 股" if remaining else "请等到下一交易日",
    )
