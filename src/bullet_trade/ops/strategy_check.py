"""Reads a strategy file without running it, and says what of it works here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import msgspec

from bullet_trade.strategy import registry
from bullet_trade.strategy.old_idioms import old_idioms, python_2
from bullet_trade.strategy.registry import Status
from bullet_trade.strategy.source_names import imported_modules, used_names
from bullet_trade.strategy.source_text import read_source


class UsedName(msgspec.Struct, frozen=True):
    """A name of the platform in the file. `status` is the registry's word."""

    name: str
    status: str
    note: str
    lines: list[int]


class OldIdiom(msgspec.Struct, frozen=True):
    """An old way of writing. `works`: it runs here all the same."""

    line: int
    what: str
    remedy: str
    works: bool


class Checked(msgspec.Struct, frozen=True):
    """The result. `runs`: nothing was found that must be changed first; `missing` are modules that are not installed,
    with their line."""

    file: str
    runs: bool
    python_2: bool
    names: list[UsedName]
    idioms: list[OldIdiom]
    missing: dict[str, int]


_UNKNOWN = "不认识的名字；检查拼写，或改用支持的函数"


def check_strategy(path: Path) -> Checked:
    """Check one file. Raises `UsageError` or `StrategyError` when it cannot be read."""
    source = read_source(path)
    names = sorted(
        (_used(owner, name, lines) for (owner, name), lines in used_names(source).items()),
        key=lambda used: (_ORDER.index(used.status), used.name),
    )
    idioms = [OldIdiom(*idiom) for idiom in old_idioms(source)]
    missing = _missing(imported_modules(source), path.parent)
    broken = any(used.status == Status.UNSUPPORTED.value for used in names) or not all(one.works for one in idioms)
    return Checked(str(path), not broken and not missing, bool(python_2(source)), names, idioms, missing)


_ORDER = [status.value for status in (Status.UNSUPPORTED, Status.PROVIDER, Status.SUPPORTED)]


def _used(owner: str, name: str, lines: list[int]) -> UsedName:
    entry = registry.find(owner, name)
    if entry is None:
        return UsedName(f"{owner}.{name}", Status.UNSUPPORTED.value, _UNKNOWN, sorted(set(lines)))
    return UsedName(entry.label, entry.status.value, entry.note, sorted(set(lines)))


def _missing(modules: dict[str, int], folder: Path) -> dict[str, int]:
    return {
        name: line
        for name, line in sorted(modules.items())
        if not (folder / f"{name.partition('.')[0]}.py").exists() and find_spec(name.partition(".")[0]) is None
    }
