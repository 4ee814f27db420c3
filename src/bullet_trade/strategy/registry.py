"""What the platform offers and what of it works here: one table behind `bullet-trade check`, docs/api.md and the errors
of names that are not supported. The data stand in `registry_tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import NamedTuple, NoReturn

from bullet_trade.domain.errors import StrategyError
from bullet_trade.strategy.registry_tables import MISSING, NOTES, TABLES
from bullet_trade.strategy.technical.functions import FUNCTIONS, NEEDS_PROVIDER


class Status(Enum):
    """What becomes of a name; the value is the word for people."""

    SUPPORTED = "支持"
    PROVIDER = "需要数据源"
    UNSUPPORTED = "不支持"


PROVIDER_REMEDY = "配置 RESEARCH_DATA_DIR（数据表目录）或 DEFAULT_DATA_PROVIDER=jqdata"
"""How a name that needs a provider gets one."""

INDICATORS = "jqlib.technical_analysis"


class Entry(NamedTuple):
    """One name. `owner` is the module, object or setting that it belongs to; `note` tells differences or the remedy."""

    owner: str
    name: str
    status: Status
    note: str

    @property
    def label(self) -> str:
        """As people write it: ``get_price()``, ``context.portfolio``, ``def initialize``, ``set_option('t0_mode')``."""
        if self.owner == "set_option":
            return f"set_option('{self.name}')"
        if self.owner == "hook":
            return f"def {self.name}"
        return self.name if self.owner == "jqdata" else f"{self.owner}.{self.name}"


@cache
def entries() -> tuple[Entry, ...]:
    """All names, in the order of the tables."""
    return tuple(_entries())


def _entries() -> Iterator[Entry]:
    for owner, word, names in TABLES:
        for name in names.split():
            yield Entry(owner, name, Status[word], NOTES.get((owner, name), ""))
    for name in sorted(FUNCTIONS):
        provider = name in NEEDS_PROVIDER
        note = NOTES.get((INDICATORS, name), PROVIDER_REMEDY if provider else "")
        yield Entry(INDICATORS, name, Status.PROVIDER if provider else Status.SUPPORTED, note)
    for (owner, reason, remedy), names in MISSING.items():
        for name in names.split():
            yield Entry(owner, name, Status.UNSUPPORTED, f"{reason}；{remedy}")


@cache
def _by_name() -> dict[tuple[str, str], Entry]:
    return {(entry.owner, entry.name): entry for entry in entries()}


def find(owner: str, name: str) -> Entry | None:
    """The entry of a name, None for one that the platform's documentation does not know either."""
    return _by_name().get((owner, name))


def of(owner: str, status: Status | None = None) -> list[str]:
    """The names that belong to `owner`, in the order of the tables."""
    return [entry.name for entry in entries() if entry.owner == owner and status in (None, entry.status)]


class Unsupported:
    """Stands for a name that is not supported: harmless to import and to pass on, an error when it is called."""

    def __init__(self, owner: str, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        self._owner = owner

    def __call__(self, *_: object, **__: object) -> NoReturn:
        entry = find(self._owner, self.__name__)
        why = f"：{entry.note.partition('；')[0]}" if entry else ""
        remedy = entry.note.partition("；")[2] if entry else "运行 bullet-trade check 策略文件.py 查看支持情况"
        raise StrategyError(f"{self._owner} 的 {self.__name__} 不支持{why}", remedy)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        self()

    def __repr__(self) -> str:
        return f"<不支持的 {self._owner}.{self.__name__}>"


def stand_ins(owner: str) -> dict[str, Unsupported]:
    """The unsupported names of a module, each as an object that can be imported and fails when it is used."""
    return {name: Unsupported(owner, name) for name in of(owner, Status.UNSUPPORTED)}


def stand_in(owner: str, name: str) -> Unsupported:
    """For a name that a module does not have: importing it is harmless, using it is an error that names it."""
    if name.startswith("__"):
        raise AttributeError(f"module {owner!r} has no attribute {name!r}")
    return Unsupported(owner, name)
