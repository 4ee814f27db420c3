"""The user's own terms and exceptions from one TOML file: commission, lots, T+0, facts of securities.

The file is documented in docs/rules.md. Every wrong key or value is refused with its path.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import FEN, SCALE, Money
from bullet_trade.domain.securities import BONDS, FUNDS, Board, Code, Kind, Security
from bullet_trade.market.boards import describe
from bullet_trade.market.codes import candidates
from bullet_trade.market.fees import Commission, CommissionPlan
from bullet_trade.market.lots import Lot
from bullet_trade.market.rates import RATE_SCALE, rate

T = TypeVar("T")

HIGHEST_RATE = 300_000
"""A commission may not exceed 0.3% (regulator's rule); a higher figure is a percentage written by mistake."""
_HIGHEST_MINIMUM = Money(1000 * SCALE)
_KINDS = FUNDS | BONDS | {Kind.REPO, Kind.STOCK, Kind.CDR}
_BOARDS = frozenset({Board.SSE_MAIN, Board.STAR, Board.SZSE_MAIN, Board.CHINEXT, Board.BSE})


class Exceptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user states about one security; None leaves it to the rules."""

    kind: Kind | None = None
    board: Board | None = None
    st: bool | None = None
    t0: bool | None = None
    limit_percent: int | None = None
    lot: Lot | None = None
    max_order: int | None = None


NO_EXCEPTIONS = Exceptions()


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the user's file."""

    commission: CommissionPlan = CommissionPlan()
    securities: Mapping[Code, Exceptions] = msgspec.field(default_factory=dict)

    def of(self, code: Code) -> Exceptions:
        """The exceptions of one security."""
        return self.securities.get(code, NO_EXCEPTIONS)

    def apply(self, security: Security) -> Security:
        """The security with the user's facts in place of the source's."""
        mine = self.of(security.code)
        if mine is NO_EXCEPTIONS:
            return security
        if mine.kind is not None and mine.kind is not security.kind:
            other = describe(security.code, security.name, kind=mine.kind)
            security = msgspec.structs.replace(
                security, kind=other.kind, board=other.board, t0=other.t0, limit_ratio_percent=None
            )
        if mine.board is not None:
            security = msgspec.structs.replace(security, board=mine.board)
        return msgspec.structs.replace(
            security,
            st=security.st if mine.st is None else mine.st,
            t0=security.t0 if mine.t0 is None else mine.t0,
            limit_ratio_percent=mine.limit_percent or security.limit_ratio_percent,
        )


def parse_overrides(text: str) -> Overrides:
    """The overrides in `text` (TOML). Raises `UsageError` with the path of the first wrong key or value."""
    try:
        content: dict[str, object] = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"规则覆盖文件不是有效的 TOML：{error}", "请按 docs/rules.md 的格式改正") from error
    top = _Table(content, "")
    top.only("commission", "security")
    plan = _plan(top.table("commission"))
    listed = top.table("security")
    securities: dict[Code, Exceptions] = {}
    for written in listed.content:
        code = _code(listed, written)
        if code in securities:
            raise listed.error(written, f"与另一处重复（都是 {code}）", "每个证券只写一张表")
        securities[code] = _exceptions(listed.table(written))
    return Overrides(commission=plan, securities=securities)


def _code(table: _Table, written: str) -> Code:
    meant = candidates(written)
    if len(meant) > 1:
        raise table.error(written, "有多种含义", f"请写明交易所：{' 或 '.join(meant)}")
    return meant[0]


class _Table:
    """One TOML table that knows its path, for errors that name it."""

    def __init__(self, content: Mapping[str, object], path: str) -> None:
        self.content = content
        self._path = path

    def only(self, *known: str) -> None:
        for key in self.content:
            if key not in known:
                raise self.error(key, "是未知的键", f"可用的键：{'、'.join(known)}")

    def table(self, key: str) -> _Table:
        value = self.content.get(key, {})
        if not isinstance(value, dict):
            raise self.error(key, "不是表", f"请写成 [{self._name(key)}]")
        return _Table(value, self._name(key))

    def value(self, key: str, read: Callable[[object], T | None], default: T, remedy: str) -> T:
        if key not in self.content:
            return default
        found = read(self.content[key])
        if found is None:
            raise self.error(key, f"的值 {self.content[key]} 无效", remedy)
        return found

    def error(self, key: str, what: str, remedy: str) -> UsageError:
        return UsageError(f"规则覆盖文件中 {self._name(key)} {what}", remedy)

    def _name(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


def _plan(table: _Table) -> CommissionPlan:
    table.only("stock", "fund", "bond", "net")
    default = CommissionPlan()
    return CommissionPlan(
        stock=_commission(table.table("stock"), default.stock),
        fund=_commission(table.table("fund"), default.fund),
        bond=_commission(table.table("bond"), default.bond),
        net=table.value("net", _flag, default=False, remedy="请写 true 或 false"),
    )


def _commission(table: _Table, default: Commission) -> Commission:
    table.only("buy", "sell", "minimum")
    remedy = "请写 0 至 0.003 之间的小数，例如万分之二点五写 0.00025"
    return Commission(
        buy=table.value("buy", _rate, default.buy, remedy),
        sell=table.value("sell", _rate, default.sell, remedy),
        minimum=table.value("minimum", _minimum, default.minimum, "请写 0 至 1000 元，最多两位小数"),
    )


def _exceptions(table: _Table) -> Exceptions:
    table.only("kind", "board", "st", "t0", "limit_percent", "lot_minimum", "lot_step", "max_order")
    flag = "请写 true 或 false"
    lot = _lot(table)
    most = table.value("max_order", _count, 0, "请写正整数")
    if most and lot and most < 2 * lot.minimum:
        raise table.error("max_order", f"的值 {most} 小于两倍的 lot_minimum", "请改大 max_order")
    return Exceptions(
        kind=table.value("kind", _kind, None, f"可用的值：{'、'.join(sorted(_KINDS))}"),
        board=table.value("board", _board, None, f"可用的值：{'、'.join(sorted(_BOARDS))}"),
        st=table.value("st", _flag, None, flag),
        t0=table.value("t0", _flag, None, flag),
        limit_percent=table.value("limit_percent", _percent, None, "请写 1 至 99 的整数"),
        lot=lot,
        max_order=most or None,
    )


def _lot(table: _Table) -> Lot | None:
    minimum = table.value("lot_minimum", _count, 0, "请写正整数")
    step = table.value("lot_step", _count, minimum, "请写正整数")
    if not minimum and not step:
        return None
    if step not in {1, minimum}:
        raise table.error("lot_step", f"的值 {step} 无效", "lot_step 须为 1 或等于 lot_minimum")
    return Lot(minimum, step)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _percent(value: object) -> int | None:
    number = _count(value)
    return number if number is not None and number < 100 else None


def _kind(value: object) -> Kind | None:
    return Kind(value) if isinstance(value, str) and value in _KINDS else None


def _board(value: object) -> Board | None:
    return Board(value) if isinstance(value, str) and value in _BOARDS else None


def _rate(value: object) -> int | None:
    exact = _decimal(value)
    if exact is None or not 0 <= exact * RATE_SCALE <= HIGHEST_RATE:
        return None
    return rate(exact) if exact * RATE_SCALE == int(exact * RATE_SCALE) else None


def _minimum(value: object) -> Money | None:
    exact = _decimal(value)
    if exact is None or not 0 <= exact * SCALE <= _HIGHEST_MINIMUM or exact * SCALE % FEN:
        return None
    return Money(int(exact * SCALE))


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    exact = Decimal(value)
    return exact if exact.is_finite() else None
