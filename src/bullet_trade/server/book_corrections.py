"""The books of sub-accounts as the operator sees and corrects them, from the files of a server's directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.domain.money import Price, divide_half_up, yuan
from bullet_trade.domain.orders import Side
from bullet_trade.server.bookings import Booking, Correction, SubLedger, order_key
from bullet_trade.server.sub_books import doubt_text
from bullet_trade.server.submission_file import Stored, SubmissionFile, file_name, look_into
from bullet_trade.store import runtime_dir


class HoldingShown(msgspec.Struct):
    """Shares of one security, `cost` in yuan per share."""

    security: str
    amount: int
    cost: float


class OrderShown(msgspec.Struct):
    """An order of today. `over`: the broker has said that nothing more will come of it."""

    time: str
    security: str
    side: str
    amount: int
    price: float
    filled: int
    over: bool


class BookShown(msgspec.Struct):
    """The books of one sub-account, in yuan. `cash` includes what open purchases hold; `open_questions` are trades that
    a person has to find out about."""

    account: str
    sub_account: str
    allotted: float
    cash: float
    holdings: list[HoldingShown]
    orders: list[OrderShown]
    open_questions: list[str]


def books_shown(directory: Path, today: date) -> list[BookShown]:
    """All books in the server's `directory`, also while a server runs. Raises `StateError` for an unreadable file."""
    shown = []
    for path in sorted(directory.glob(file_name("*"))):
        entries, bookings = look_into(path)
        ledgers = _ledgers(bookings)
        shown += [_shown(_account(path), sub, ledgers[sub], entries, today) for sub in sorted(ledgers)]
    return shown


def correct(directory: Path, account: str, sub: str, correction: Correction, now: datetime) -> BookShown:
    """Book a correction and show what came of it. Raises `StateError` while a server runs in `directory`, `UsageError`
    for books that do not exist or would hold less than nothing."""
    path = directory / file_name(account)
    if not path.is_file():
        known = "、".join(_account(one) for one in sorted(directory.glob(file_name("*")))) or "无"
        raise UsageError(
            f"{directory} 里没有账户 {account!r} 的登记文件（已有 {known}）", "检查 --account 和 --runtime-dir"
        )
    try:
        held = runtime_dir.lock(directory, f"{now:%Y-%m-%d %H:%M:%S}")
    except StateError as error:
        raise StateError(error.text, "先停下服务，再更正账本") from error
    try:
        file = SubmissionFile(path, now.date())
        try:
            ledgers = _ledgers(file.bookings())
            ledger = ledgers.get(sub)
            if ledger is None:
                raise UsageError(
                    f"账户 {account} 没有记账的子账户 {sub!r}（已有 {'、'.join(sorted(ledgers)) or '无'}）",
                    "先在 QMT_SERVER_SUB_ACCOUNTS 里写上 cash= 并启动一次服务",
                )
            _check(ledger, sub, correction)
            for booking in file.book([Booking(now, sub, f"correction/{now.isoformat()}", correction)]):
                ledger.take(booking)
            return _shown(account, sub, ledger, file.load(), now.date())
        finally:
            file.close()
    finally:
        held.release()


def _account(path: Path) -> str:
    return path.stem.removeprefix(Path(file_name("")).stem)


def _check(ledger: SubLedger, sub: str, correction: Correction) -> None:
    holding = ledger.holdings.get(correction.code) if correction.code is not None else None
    amount = holding.amount if holding is not None else 0
    if correction.amount < 0 and amount + correction.amount < 0:
        raise UsageError(
            f"子账户 {sub} 只有 {correction.code} {amount} 股，不能减 {-correction.amount} 股", "减少 --amount"
        )


def _ledgers(bookings: Iterable[Booking]) -> dict[str, SubLedger]:
    found: defaultdict[str, SubLedger] = defaultdict(SubLedger)
    for booking in bookings:
        found[booking.sub].take(booking)
    return {sub: ledger for sub, ledger in found.items() if ledger.allotted is not None}


def _shown(account: str, sub: str, ledger: SubLedger, entries: Iterable[Stored], today: date) -> BookShown:
    holdings = [
        HoldingShown(code, one.amount, yuan(Price(divide_half_up(one.cost, abs(one.amount)))))
        for code, one in sorted(ledger.holdings.items())
    ]
    return BookShown(
        account,
        sub,
        yuan(ledger.allotted or 0),
        yuan(ledger.cash),
        holdings,
        [row for stored in entries if stored.sub == sub for row in _orders(stored, ledger, today)],
        [doubt_text(sub, one) for one in ledger.doubts.values()],
    )


def _orders(stored: Stored, ledger: SubLedger, today: date) -> list[OrderShown]:
    entry = stored.entry
    if entry.order is None or stored.day != today:
        return []
    rows = []
    for order in (entry.order, *entry.rest):
        key = order_key(order.created_at, order.tag)
        filled = ledger.traded(key).amount
        over = entry.refusal is not None or key in ledger.ended or filled >= order.amount
        side = "买入" if order.side is Side.BUY else "卖出"
        at = f"{order.created_at:%H:%M:%S}"
        rows.append(OrderShown(at, order.code, side, order.amount, yuan(order.limit_price), filled, over))
    return rows
