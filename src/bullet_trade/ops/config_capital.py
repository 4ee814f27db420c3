"""Before trading begins: is this the account that the strategy was made for?"""

from __future__ import annotations

from collections.abc import Callable

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import SCALE
from bullet_trade.ops.settings import Settings
from bullet_trade.strategy.session import Session

REFUSE = "refuse"


def check_account(session: Session, settings: Settings, warn: Callable[[str], None]) -> None:
    """Ask the broker for the account and compare. Raises `UsageError` for an account without anything in it, which is
    what a wrong account type or number looks like, and for one of another size where the settings refuse that."""
    session.connect()
    cash, held = session.engine.ledger.cash / SCALE, _positions_value(session)
    if not cash and not held:
        raise UsageError(
            f"{session.parts.broker.label} 的资产全部是零",
            "检查账号和账号类型（bullet-trade config show），确认券商终端登录的是要用的账户",
        )
    words = capital_words(cash + held, settings)
    if words and settings.declared_capital_action == REFUSE:
        raise UsageError(words, "改 DECLARED_CAPITAL，或设 DECLARED_CAPITAL_ACTION=warn 只警告")
    if words:
        warn(words)


def capital_words(total: float, settings: Settings) -> str:
    """How the account's `total` (yuan) differs from the declared capital; '' where it does not by the factor."""
    declared, factor = settings.declared_capital, settings.declared_capital_factor
    if not declared or declared / factor <= total <= declared * factor:
        return ""
    more, less = max(total, declared), min(total, declared)
    times = f"{more / less:.1f} 倍" if less else "不止"
    side = "多" if total > declared else "少"
    return (
        f"账户总资产 {total:,.2f} 元，比申报的 DECLARED_CAPITAL={declared:,.0f} 元{side}，相差 {times}"
        f"（允许 {factor:g} 倍）：按固定数量或金额下单的策略会用错仓位"
    )


def _positions_value(session: Session) -> float:
    engine = session.engine
    engine.parts.quotes.advance(engine.now())
    prices = {one.code: engine.quotes.last_price(one.code) or one.average_cost / SCALE for one in engine.ledger}
    return sum(one.amount * prices[one.code] for one in engine.ledger)
