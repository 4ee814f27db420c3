"""Reads a strategy file without running it, and says what of it works here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import msgspec

from bullet_trade.strategy import registry
from bullet_trade.strategy.old_idioms import old_idioms, python_2
from bullet_trade.strategy.registry import PROVIDER_REMEDY, Status
from bullet_trade.strategy.source_names import ARGUMENT, imported_modules, used_names
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
    """The result. `runs`: nothing was found that must be changed first; `missing` are packages that are not installed,
    with their first line."""

    file: str
    runs: bool
    python_2: bool
    names: list[UsedName]
    idioms: list[OldIdiom]
    missing: dict[str, int]


_UNKNOWN = "不认识的名字；检查拼写，或改用支持的函数"
_UNKNOWN_OPTION = "不认识的选项：运行时给出警告，没有作用"
_ARGUMENTS = {
    "SubPortfolioConfig": (Status.UNSUPPORTED, "只有 stock 类型的子账户能交易，期货和融资融券不支持"),
    "get_extras": (Status.PROVIDER, PROVIDER_REMEDY),
}
_SHORT = (Status.UNSUPPORTED, "A 股账户只能做多")


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
    if owner == ARGUMENT:
        status, note = _ARGUMENTS.get(name.partition("(")[0], _SHORT)
        return UsedName(name, status.value, note, sorted(set(lines)))
    entry = registry.find(owner, name)
    if entry is None and owner == "set_option":
        return UsedName(f"set_option('{name}')", Status.SUPPORTED.value, _UNKNOWN_OPTION, sorted(set(lines)))
    if entry is None:
        return UsedName(f"{owner}.{name}", Status.UNSUPPORTED.value, _UNKNOWN, sorted(set(lines)))
    return UsedName(entry.label, entry.status.value, entry.note, sorted(set(lines)))


def _missing(modules: dict[str, int], folder: Path) -> dict[str, int]:
    lines: dict[str, int] = {}
    for name, line in modules.items():
        package = name.partition(".")[0]
        lines[package] = min(line, lines.get(package, line))
    return {
        package: line
        for package, line in sorted(lines.items())
        if not (folder / f"{package}.py").exists() and not (folder / package).is_dir() and find_spec(package) is None
    }
