"""Sub-portfolios: splitting the account, moving cash, and showing it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.money import money
from bullet_trade.strategy.context import Context
from bullet_trade.strategy.current import session
from bullet_trade.strategy.subaccounts import SubPortfolioConfig

TOLERANCE = 0.01
"""Yuan."""


def set_subportfolios(configs: Sequence[SubPortfolioConfig]) -> None:
    """Split the account into sub-portfolios; only in `initialize`.

    The account at the broker stays one: the books are kept here, and the first one has whatever the others have not.
    Only those of type ``stock`` trade.
    """
    run = session()
    run.connect()
    if run.subaccounts.books:
        raise StrategyError("子账户已经建立，不能重新划分", "只在 initialize 里调用一次 set_subportfolios")
    wanted, capital = sum(config.cash for config in configs), run.portfolio.available_cash
    run.subaccounts.open(configs)
    if abs(wanted - capital) > TOLERANCE:
        run.log.warning(f"子账户资金合计 {wanted:.2f} 元，账户可用资金 {capital:.2f} 元；差额记在 0 号子账户")


def transfer_cash(from_pindex: int, to_pindex: int, cash: float) -> None:
    """Move cash from one sub-portfolio to another at once."""
    session().subaccounts.transfer(from_pindex, to_pindex, money(float(cash)))


def print_portfolio_info(context: Context, top_n: int | None = None, sort_by: str = "value") -> None:
    """Write the account and its positions to the log, largest first; `sort_by` is a position's attribute."""
    run, portfolio = session(), context.portfolio
    rows = sorted(portfolio.positions.values(), key=lambda position: getattr(position, sort_by), reverse=True)
    run.log.info(
        f"总资产 {portfolio.total_value:.2f}，可用资金 {portfolio.available_cash:.2f}，"
        f"持仓市值 {portfolio.positions_value:.2f}，持仓 {len(rows)} 只"
    )
    for p in rows[:top_n]:
        profit = p.price / p.avg_cost - 1 if p.avg_cost else 0.0
        run.log.info(
            f"{p.security}  数量 {p.total_amount}  可卖 {p.closeable_amount}  成本 {p.avg_cost:.3f}  "
            f"现价 {p.price:.3f}  市值 {p.value:.2f}  盈亏 {profit:+.2%}"
        )


def prettytable_print_df(
    df: pd.DataFrame, headers: str | Sequence[object] = "keys", show_index: bool = False, max_rows: int = 50
) -> None:
    """Write a table to the log, at most `max_rows` rows; `headers` are the columns' titles, "keys" for their names."""
    shown = df.head(max_rows)
    titles = [str(name) for name in (shown.columns if isinstance(headers, str) else headers)]
    text = shown.to_string(index=show_index, header=titles)
    more = f"\n（共 {len(df)} 行，只显示前 {max_rows} 行）" if len(df) > max_rows else ""
    session().log.info(f"\n{text}{more}")
