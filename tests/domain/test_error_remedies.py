"""What a person reads when something is wrong: every error of the tree that asks for action says which one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src" / "bullet_trade"
ASKING = {"UsageError", "StrategyError", "DataError", "CalendarEndError", "StateError"}


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Each place that makes such an error, as file and line."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ASKING:
                yield f"{path.relative_to(SOURCES)}:{node.lineno}", node


def test_every_error_that_asks_for_action_names_the_remedy() -> None:
    places = list(raised())
    assert len(places) > 200  # the walk has found them
    assert [where for where, call in places if len(call.args) + len(call.keywords) < 2] == []


def test_no_remedy_is_empty() -> None:
    written = ((where, call.args[1]) for where, call in raised() if len(call.args) > 1)
    assert [where for where, remedy in written if isinstance(remedy, ast.Constant) and not str(remedy.value)] == []
