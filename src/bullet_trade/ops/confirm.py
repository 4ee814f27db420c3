"""Before the first live order on a real account: show whose money it is, and ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import SCALE
from bullet_trade.ops.risk_settings import limit_texts
from bullet_trade.ports.market_data import MarketData
from bullet_trade.store.files import write_atomically
from bullet_trade.strategy.session import Session

CONFIRMED_FILE = "live_confirmed.json"
WORD = "yes"
REAL_MONEY = frozenset({"qmt", "qmt-remote"})
"""Brokers whose orders cost somebody something."""

Ask = Callable[[str], str]


class Confirmation(msgspec.Struct, frozen=True):
    """Which account was agreed to, when, and how: `terminal` or `--yes`."""

    broker: str
    at: datetime
    how: str


def refuse_invented_prices(data: MarketData) -> None:
    """Raises `UsageError` where made-up prices would size and protect orders that cost real money."""
    if data.synthetic:
        raise UsageError(
            f"{data.label} 的价格是程序生成的，不能用来在真实账户上下单", "去掉 --data，或先用 LIVE_MODE=dry_run"
        )


def confirm_live(session: Session, directory: Path, console: Console, ask: Ask | None, said_yes: bool) -> None:
    """Show account, positions and limits before live trading begins on a real account, and ask once.

    What was agreed to is kept in the runtime directory, so that a service that restarts by itself is not asked again.
    `ask` prompts at the terminal, None where nobody sits at one. Raises `UsageError` when nobody can answer, or the
    answer is another word.
    """
    session.connect()
    console.print(account_page(session))
    for line in limit_texts(session.parts.limits) or ["限额全部关闭"]:
        console.print(f"  {line}")
    label = session.parts.broker.label
    if confirmed(directory) == label:
        return
    if not said_yes:
        if ask is None:
            raise UsageError("要在真实账户上运行 LIVE_MODE=live，但没有终端可以确认", "确认无误后加 --yes 启动")
        if ask(f"将在 {label} 上用真实资金交易，输入 {WORD} 继续：").strip().lower() != WORD:
            raise UsageError("没有确认，未启动", "先用 LIVE_MODE=dry_run 观察一天，再用 live")
    now = session.engine.now()
    agreed = Confirmation(label, now, "--yes" if said_yes else "terminal")
    session.parts.journal.append(now, "live_confirmed", agreed)
    session.parts.journal.barrier()
    write_atomically(directory / CONFIRMED_FILE, msgspec.json.encode(agreed))


def confirmed(directory: Path) -> str | None:
    """The account that was agreed to in this runtime directory; None for none, also when the file is unreadable."""
    try:
        return msgspec.json.decode((directory / CONFIRMED_FILE).read_bytes(), type=Confirmation).broker
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def account_page(session: Session) -> Group:
    """Available cash, all cash, and each position."""
    engine = session.engine
    ledger = engine.ledger
    sums = f"可用资金 {ledger.available / SCALE:,.2f}  现金 {ledger.cash / SCALE:,.2f}"
    head = Text(f"{session.parts.broker.label}  {sums}")
    positions = sorted(ledger, key=lambda one: one.code)
    if not positions:
        return Group(head, Text("没有持仓"))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("代码", "名称", "数量", "可卖", "成本", "现价", "市值"):
        table.add_column(title, justify="left" if title in ("代码", "名称") else "right")
    for position in positions:
        security = engine.security(position.code)
        last = engine.quotes.last_price(position.code)
        table.add_row(
            position.code,
            security.name if security is not None else "",
            f"{position.amount:,}",
            f"{position.closeable(engine.book.t0(position.code)):,}",
            f"{position.average_cost / SCALE:.3f}",
            f"{last:.3f}",
            f"{last * position.amount:,.2f}",
        )
    return Group(head, table)
