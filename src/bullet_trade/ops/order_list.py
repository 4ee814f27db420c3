"""A list of orders as people keep it: CSV with Chinese or English headings, as a spreadsheet on a Chinese Windows saves
it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Side
from bullet_trade.market.codes import normalize
from bullet_trade.ops.risk_report import Wanted

HEADINGS: dict[str, tuple[str, ...]] = {
    "code": ("code", "security", "symbol", "代码", "证券代码", "股票代码"),
    "side": ("side", "direction", "方向", "买卖", "买卖方向", "委托方向"),
    "amount": ("amount", "volume", "quantity", "数量", "委托数量", "股数"),
    "price": ("price", "limit", "limit_price", "价格", "委托价格", "限价"),
}
SIDES: dict[str, Side] = {
    **dict.fromkeys(("buy", "b", "1", "买", "买入"), Side.BUY),
    **dict.fromkeys(("sell", "s", "-1", "卖", "卖出"), Side.SELL),
}


def read_order_list(file: Path) -> list[Wanted]:
    """The orders in the file. Raises `UsageError` naming the line and the value."""
    rows = csv.reader(_text(file).splitlines())
    heading = next(rows, [])
    places = _places(file, heading)
    found = [
        _order(number, dict(_cells(places, row))) for number, row in enumerate(rows, 2) if any(map(str.strip, row))
    ]
    if not found:
        raise UsageError(f"{file} 里没有委托", "在表头下面每行写一笔")
    return found


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"无法读取 {file}：{error.strerror}", "检查路径和权限") from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{file} 的编码无法识别", "请另存为 UTF-8 编码的 CSV")


def _places(file: Path, heading: list[str]) -> dict[str, int]:
    given = [name.strip().lower() for name in heading]
    places = {field: given.index(name) for field, names in HEADINGS.items() for name in names if name in given}
    missing = [names[0] for field, names in HEADINGS.items() if field not in places]
    if missing:
        raise UsageError(
            f"{file} 的表头缺少 {'、'.join(missing)}", "表头写 code,side,amount,price 或 代码,方向,数量,价格"
        )
    return places


def _cells(places: Mapping[str, int], row: list[str]) -> list[tuple[str, str]]:
    return [(field, row[place].strip() if place < len(row) else "") for field, place in places.items()]


def _order(line: int, cells: Mapping[str, str]) -> Wanted:
    try:
        code = normalize(cells["code"])
    except UsageError as error:
        raise UsageError(f"第 {line} 行的代码有误：{error.text}", error.remedy) from error
    side = SIDES.get(cells["side"].lower())
    if side is None:
        raise UsageError(f"第 {line} 行的方向 {cells['side']!r} 无法识别", "写买入、卖出，或 buy、sell")
    amount = _number(line, "数量", cells["amount"])
    if amount != int(amount):
        raise UsageError(f"第 {line} 行的数量 {cells['amount']!r} 不是整数", "写整数股数，例如 100")
    return Wanted(line, code, side, int(amount), _price(line, cells["price"]))


def _price(line: int, given: str) -> Price:
    return price(_number(line, "价格", given))


def _number(line: int, what: str, given: str) -> Decimal:
    try:
        number = Decimal(given.replace(",", ""))
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number <= 0:
        raise UsageError(f"第 {line} 行的{what} {given!r} 无效", "写一个正数")
    return number
