"""What a runtime directory holds, for a person and for scripts; read-only, also while the engine runs."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import StateError
from bullet_trade.store.generations import G_FILE, STATE_FILE, Damage, Generations, Pair, read_pair
from bullet_trade.store.journal import Row, read_journal

JOURNAL_FILE = "journal.db"


class GenerationLine(msgspec.Struct, frozen=True):
    """One saved pair: number, place, when it was saved, sizes in bytes, and what is wrong ('' if whole)."""

    number: int | None
    place: str
    saved_at: str
    state_bytes: int
    g_bytes: int
    damage: str


class OrderLine(msgspec.Struct):
    """One order of the journal, in the words of its last record."""

    order_id: int
    at: str
    code: str
    side: str
    amount: int
    filled: int = 0
    turnover: int = 0
    state: str = "已发出"
    reason: str = ""


class Inspection(msgspec.Struct, frozen=True):
    """Everything that `bullet-trade state` shows. Money in 1/10,000 yuan."""

    directory: str
    generations: tuple[GenerationLine, ...]
    records: int
    first_at: str
    last_at: str
    kinds: dict[str, int]
    day: str
    orders: tuple[OrderLine, ...]
    account: dict[str, object] | None
    g: dict[str, str]
    problems: tuple[str, ...]


def inspect(directory: Path) -> Inspection:
    """Read the directory. Raises `StateError` when there is neither state nor journal."""
    generations = tuple(_generations(directory))
    journal = directory / JOURNAL_FILE
    if not generations and not journal.exists():
        raise StateError(f"{directory} 里没有状态文件和流水", "检查运行目录 --runtime-dir")
    rows = list(read_journal(journal)) if journal.exists() else []
    newest, _ = Generations(directory).newest()
    kinds: dict[str, int] = {}
    for row in rows:
        kinds[row.kind] = kinds.get(row.kind, 0) + 1
    day, orders = _orders(rows)
    accounts = [row for row in rows if row.kind in ("account", "checkpoint")]
    return Inspection(
        str(directory),
        generations,
        len(rows),
        rows[0].at if rows else "",
        rows[-1].at if rows else "",
        dict(sorted(kinds.items())),
        day,
        tuple(orders),
        json.loads(accounts[-1].body) if accounts else None,
        _g_summary(newest),
        tuple(_problems(generations, rows)),
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
    saved = found.state.get("bullet_trade", {}).get("saved_at") or found.state.get("scheduler", {}).get("last_cursor")
    return GenerationLine(found.number, name, str(saved or ""), state_bytes, g_bytes, "")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _orders(rows: list[Row]) -> tuple[str, list[OrderLine]]:
    """Orders of the last date in the journal."""
    day = rows[-1].at[:10] if rows else ""
    orders: dict[str, OrderLine] = {}
    for row in rows:
        if row.kind not in ("intent", "report") or not row.at.startswith(day):
            continue
        body = json.loads(row.body)
        if row.kind == "intent":
            side = "买入" if body["side"] > 0 else "卖出"
            orders[body["tag"]] = OrderLine(body["order_id"], row.at, body["code"], side, body["amount"])
        elif row.kind == "report" and body.get("tag") in orders:
            _report(orders[body["tag"]], body)
    return day, list(orders.values())


_WORDS = {
    "Accepted": "已报",
    "Rejected": "被拒",
    "Cancelled": "已撤",
    "NoAnswer": "结果未知",
    "NeverSent": "未到券商",
}


def _report(order: OrderLine, body: dict[str, object]) -> None:
    kind = str(body["type"])
    if kind == "Filled":
        amount, price = body["amount"], body["price"]
        if isinstance(amount, int) and isinstance(price, int):
            order.filled += amount
            order.turnover += amount * price
        order.state = "已成" if order.filled >= order.amount else "部成"
    elif kind in _WORDS:
        order.state, order.reason = _WORDS[kind], str(body.get("reason", ""))


def _g_summary(newest: Pair | None) -> dict[str, str]:
    # The content needs the strategy's classes; names and size can be told without running anything.
    return {"bytes": str(len(newest.g)), "generation": str(newest.number)} if newest is not None else {}


def _problems(generations: tuple[GenerationLine, ...], rows: list[Row]) -> list[str]:
    found = [f"{line.place}：{line.damage}" for line in generations if line.damage]
    numbers = [row.seq for row in rows]
    if numbers != list(range(1, len(numbers) + 1)):
        found.append("流水编号不连续")
    tags = [json.loads(row.body)["tag"] for row in rows if row.kind == "intent"]
    if len(tags) != len(set(tags)):
        found.append("流水中有重复的委托标记")
    known = set(tags)
    for row in rows:
        tag = json.loads(row.body)["tag"] if row.kind == "report" else None
        if tag is not None and tag not in known:
            found.append(f"流水第 {row.seq} 条回报没有对应的委托：{tag}")
    return found
