"""What a runtime directory holds, for a person and for scripts; read-only, also while the engine runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.domain.ledger import Ledger
from bullet_trade.domain.money import Money
from bullet_trade.domain.orders import OrderState, Side
from bullet_trade.engine.order_book import OrderBook, Trade
from bullet_trade.engine.recovery import Record, rebuild
from bullet_trade.market.fees import FeeSchedule
from bullet_trade.ports.terms import TradingTerms
from bullet_trade.store.g_summary import Attribute, summarize
from bullet_trade.store.generations import G_FILE, STATE_FILE, Damage, Generations, read_pair, saved_at
from bullet_trade.store.journal import Row, check_readable
from bullet_trade.store.journal_archive import archives, read_all, read_file, record_of, span

JOURNAL_FILE = "journal.db"


class GenerationLine(msgspec.Struct, frozen=True):
    """One saved pair: number, place, when it was saved, sizes in bytes, and what is wrong ('' if whole)."""

    number: int | None
    place: str
    saved_at: str
    state_bytes: int
    g_bytes: int
    damage: str


class JournalFile(msgspec.Struct, frozen=True):
    """One file of the journal; `records` counts what it holds, the times are those of its first and last record."""

    name: str
    size_bytes: int
    records: int
    first_at: str
    last_at: str


class OrderLine(msgspec.Struct, frozen=True):
    """One order of the day as the journal leaves it. `turnover` in 1/10,000 yuan."""

    order_id: int
    at: str
    code: str
    side: str
    amount: int
    filled: int
    turnover: int
    state: str
    reason: str


class FillLine(msgspec.Struct, frozen=True):
    """One trade of the day. `price` in 1/10,000 yuan."""

    at: str
    order_id: int
    code: str
    side: str
    amount: int
    price: int


class PositionLine(msgspec.Struct, frozen=True):
    """One position at the end of what was read. `cost` is the average cost per share in 1/10,000 yuan."""

    code: str
    amount: int
    locked: int
    cost: int


class Inspection(msgspec.Struct, frozen=True):
    """Everything that `bullet-trade state show` shows. Money in 1/10,000 yuan."""

    directory: str
    generations: tuple[GenerationLine, ...]
    last_save: str
    records: int
    first_at: str
    last_at: str
    kinds: dict[str, int]
    files: tuple[JournalFile, ...]
    day: str
    orders: tuple[OrderLine, ...]
    fills: tuple[FillLine, ...]
    positions: tuple[PositionLine, ...]
    cash: int
    g: tuple[Attribute, ...]
    problems: tuple[str, ...]


def inspect(directory: Path, day: date | None = None, everything: bool = False) -> Inspection:
    """Read the directory: orders and positions of `day`, else of the last one in the journal. Archived days are read
    when `day` is given, or `everything` is wanted. Raises `StateError` when there is neither state nor journal, or the
    journal cannot be read."""
    generations = tuple(_generations(directory))
    journal = directory / JOURNAL_FILE
    if not generations and not journal.exists():
        raise StateError(f"{directory} 里没有状态文件和流水", "检查运行目录 --runtime-dir")
    rows: list[Row] = []
    if journal.exists():
        check_readable(journal)
        rows = list(read_all(journal) if everything or day is not None else read_file(journal))
    newest, _ = Generations(directory).newest()
    kinds: dict[str, int] = {}
    for row in rows:
        kinds[row.kind] = kinds.get(row.kind, 0) + 1
    shown = day.isoformat() if day is not None else rows[-1].at[:10] if rows else ""
    book = _book(rows, shown)
    g = summarize(newest.g) if newest is not None else []
    problems = _problems(generations, rows)
    if g is None:
        problems.append("g.pkl 的校验和相符，但内容无法读取")
    return Inspection(
        str(directory),
        generations,
        saved_at(newest) if newest is not None else "",
        len(rows),
        rows[0].at if rows else "",
        rows[-1].at if rows else "",
        dict(sorted(kinds.items())),
        tuple(_file(file) for file in ([*archives(directory), journal] if journal.exists() else [])),
        shown,
        order_lines(book, shown),
        tuple(_fill(trade) for trade in book.trades if trade.at.date().isoformat() == shown),
        tuple(PositionLine(p.code, p.amount, p.locked, p.average_cost) for p in book.ledger),
        book.ledger.cash,
        tuple(g or ()),
        tuple(problems),
    )


def _generations(directory: Path) -> list[GenerationLine]:
    places = [("当前", directory)]
    places += [(f"第 {n} 代", directory / "generations" / str(n)) for n in Generations(directory).numbers()]
    return [line for name, place in places if (line := _generation(name, place)) is not None]


def _generation(name: str, place: Path) -> GenerationLine | None:
    found = read_pair(place)
    if found is None:
        return None
    state_bytes, g_bytes = _size(place / STATE_FILE), _size(place / G_FILE)
    if isinstance(found, Damage):
        return GenerationLine(None, name, "", state_bytes, g_bytes, found.reason)
    return GenerationLine(found.number, name, saved_at(found), state_bytes, g_bytes, "")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _file(path: Path) -> JournalFile:
    return JournalFile(path.name, _size(path), *span(path))


def _book(rows: Iterable[Row], day: str) -> OrderBook:
    """The account as the journal leaves it at the end of `day`."""
    book = OrderBook(Ledger(), TradingTerms(FeeSchedule()), lambda _: None)
    wanted: list[Record] = []
    for row in rows:
        if row.at[:10] > day:
            break
        if row.kind == "checkpoint" and row.at[:10] < day:
            wanted.clear()
        wanted.append(record_of(row))
    rebuild(wanted, book)
    return book


_WORDS = {
    OrderState.IN_FLIGHT: "已发出",
    OrderState.WORKING: "已报",
    OrderState.CANCELLING: "待撤",
    OrderState.UNKNOWN: "结果未知",
    OrderState.FILLED: "已成",
    OrderState.CANCELLED: "已撤",
    OrderState.REJECTED: "被拒",
    OrderState.NOT_SENT: "未到券商",
}


def order_lines(book: OrderBook, day: str) -> tuple[OrderLine, ...]:
    """The orders of `day` (ISO), and older ones that are still alive."""
    found: list[OrderLine] = []
    for order in book.orders.values():
        if order.created_at.date().isoformat() == day or not order.is_final:
            state = "部成" if order.state is OrderState.WORKING and order.filled else _WORDS[order.state]
            at, side = order.created_at.isoformat(), _side(order.side)
            figures = (order.amount, order.filled, Money(order.turnover))
            found.append(OrderLine(order.order_id, at, order.code, side, *figures, state, order.reason))
    return tuple(found)


def _fill(trade: Trade) -> FillLine:
    return FillLine(trade.at.isoformat(), trade.order_id, trade.code, _side(trade.side), trade.amount, trade.price)


def _side(side: Side) -> str:
    return "买入" if side is Side.BUY else "卖出"


def _problems(generations: tuple[GenerationLine, ...], rows: list[Row]) -> list[str]:
    found = [f"{line.place}：{line.damage}" for line in generations if line.damage]
    numbers = [row.seq for row in rows]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        found.append("流水编号不连续")
    try:
        return found + _doubtful_tags(rows)
    except (ValueError, KeyError, TypeError) as error:
        return [*found, f"流水中有无法读取的记录（{error}）"]


def _doubtful_tags(rows: list[Row]) -> list[str]:
    found: list[str] = []
    tags = [json.loads(row.body)["tag"] for row in rows if row.kind in ("intent", "adopted")]
    if len(tags) != len(set(tags)):
        found.append("流水中有重复的委托标记")
    known = set(tags)
    whole = not rows or rows[0].seq == 1
    for row in rows:
        tag = json.loads(row.body)["tag"] if row.kind == "report" else None
        if whole and tag is not None and tag not in known:
            found.append(f"流水第 {row.seq} 条回报没有对应的委托：{tag}")
    return found
