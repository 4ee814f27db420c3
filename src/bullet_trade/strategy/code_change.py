"""Objects of the strategy's own classes when its code changes: they live on as objects of the new classes.

Without it they would keep the old methods, and could not be saved any more: pickle refuses an object whose class is not
the one that the module now has under its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType


def take_new_classes(values: Iterable[object], old: ModuleType, new: ModuleType) -> list[str]:
    """Give every object of an old class that is reachable from `values` the new class of that name.

    Looks into containers and objects of the strategy. Returns in words what could not be moved.
    """
    moved = {
        found: vars(new).get(name)
        for name, found in vars(old).items()
        if isinstance(found, type) and found.__module__ == old.__name__
    }
    if not moved:
        return []
    stuck: set[str] = set()
    seen: set[int] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        kind = type(value)
        if kind in moved and not _moved(value, moved[kind]):
            stuck.add(kind.__name__)
        waiting += _inside(value, own=kind in moved)
    return [f"g 里的 {name} 对象仍用旧代码，重启后可能无法恢复" for name in sorted(stuck)]


def _moved(value: object, kind: object) -> bool:
    if not isinstance(kind, type):
        return False
    try:
        value.__class__ = kind
    except TypeError:  # another layout, as with __slots__
        return False
    return True


def _inside(value: object, own: bool) -> list[object]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if own:
        return [vars(value)] if hasattr(value, "__dict__") else []
    return []
