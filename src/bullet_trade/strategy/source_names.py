"""Which names of the platform a strategy file uses, read from its syntax tree without running it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from bullet_trade.strategy import registry
from bullet_trade.strategy.source_text import code_lines

Key = tuple[str, str]
"""Owner and name, as in the registry."""

MODULES = ("jqdata", "jqfactor", "jqlib.technical_analysis", "jqlib.optimizer", "jqlib.alpha101", "jqlib.alpha191")
WIZARD = "kuanke.wizard"
_OWNERS = {"kuanke.user_space_api": "jqdata", "jqdata": "jqdata"} | {name: name for name in (*MODULES, WIZARD)}
ARGUMENT = "argument"
"""Owner of an argument with which a function that works does not, or only with a provider."""

_FINE = {
    "SubPortfolioConfig": ("type", 1, {"stock"}),
    "get_extras": ("info", 0, {"is_st"}),
    **dict.fromkeys(("order", "order_target", "order_value", "order_target_value"), ("side", 5, {"long"})),
}
"""By function: a parameter, its place, and the texts with which the function just works."""

_OBJECTS = {"context": "context", "log": "log"}
_ATTRIBUTES = {"portfolio": "portfolio", "run_params": "context.run_params"}


class _Reader(ast.NodeVisitor):
    def __init__(self, tree: ast.Module) -> None:
        self.used: defaultdict[Key, list[int]] = defaultdict(list)
        self.imported: dict[str, int] = {}
        self._stars: list[str] = []
        self._origin: dict[str, Key] = {}
        self._modules: dict[str, str] = {}
        self._defined = _defined(tree)
        for node in ast.walk(tree):
            self._import(node)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and registry.find("hook", node.name):
                self.used["hook", node.name].append(node.lineno)

    def _import(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.imported.setdefault(alias.name, node.lineno)
                if alias.name in _OWNERS:
                    self._modules[alias.asname or alias.name] = _OWNERS[alias.name]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            self.imported.setdefault(node.module, node.lineno)
            owner = _OWNERS.get(node.module)
            for alias in node.names if owner else ():
                if alias.name == "*":
                    self._stars.append(str(owner))
                else:
                    self._origin[alias.asname or alias.name] = (str(owner), alias.name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            key = self._origin.get(node.id) or self._bare(node.id)
            if key is not None:
                self.used[key].append(node.lineno)

    def _bare(self, name: str) -> Key | None:
        if name in self._defined:
            return None
        return next(((owner, name) for owner in (*self._stars, "jqdata") if registry.find(owner, name)), None)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        key = self._attribute(node)
        if key is not None and (isinstance(node.ctx, ast.Load)):
            self.used[key].append(node.lineno)
        self.generic_visit(node)

    def _attribute(self, node: ast.Attribute) -> Key | None:
        whole = ast.unparse(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else ""
        if whole in self._modules:
            return self._modules[whole], node.attr
        if whole in _OBJECTS:
            return (whole, node.attr) if registry.find(whole, node.attr) else None
        if isinstance(node.value, ast.Attribute) and whole == f"context.{node.value.attr}":
            owner = _ATTRIBUTES.get(node.value.attr)
            return (owner, node.attr) if owner else None
        return None

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "set_option" and node.args:
            key = node.args[0]
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.used["set_option", key.value.partition(".")[0]].append(node.lineno)
        if isinstance(node.func, ast.Name) and node.func.id in _FINE and node.func.id not in self._defined:
            parameter, place, fine = _FINE[node.func.id]
            value = _text_argument(node, parameter, place)
            if value is not None and value not in fine:
                self.used[ARGUMENT, f"{node.func.id}({parameter}={value!r})"].append(node.lineno)
        self.generic_visit(node)


def _text_argument(node: ast.Call, parameter: str, place: int) -> str | None:
    """The argument where it is a text that stands in the file."""
    given = node.args[place] if len(node.args) > place else None
    value = next((keyword.value for keyword in node.keywords if keyword.arg == parameter), given)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _defined(tree: ast.Module) -> set[str]:
    """Names that the file itself gives a meaning at the top, and parameters and variables anywhere."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names


def used_names(source: str) -> dict[Key, list[int]]:
    """Lines by name of the platform; for a file that Python 3 cannot read, names that are followed by a bracket."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return _by_words(source)
    reader = _Reader(tree)
    reader.visit(tree)
    return dict(reader.used)


def imported_modules(source: str) -> dict[str, int]:
    """Modules that the file imports, with the first line; empty for a file that Python 3 cannot read."""
    try:
        return _Reader(ast.parse(source)).imported
    except (SyntaxError, ValueError):
        return {}


def _by_words(source: str) -> dict[Key, list[int]]:
    found: defaultdict[Key, list[int]] = defaultdict(list)
    for number, line in enumerate(code_lines(source), 1):
        for name in re.findall(r"(?<![\w.])(\w+)\s*\(", line):
            owner = "hook" if line.lstrip().startswith("def ") else "jqdata"
            if registry.find(owner, name):
                found[owner, name].append(number)
    return dict(found)
