"""The helper runs on JoinQuant's Python 3.6 with nothing installed."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

HELPER = Path(__file__).resolve().parents[2] / "helpers" / "bullet_trade_jq_remote_helper.py"

# What each module offers in the documentation of Python 3.6, as far as the helper uses it.
IN_3_6 = {
    "contextlib": {"suppress"},
    "collections": {"namedtuple"},
    "datetime": {"datetime", "fromtimestamp", "strptime", "timedelta", "timezone"},
    "difflib": {"get_close_matches"},
    "hashlib": {"sha256"},
    "json": {"dumps", "loads"},
    "logging": {"getLogger"},
    "math": {"isfinite", "nan"},
    "os": {"fsync", "replace"},
    "re": {"compile", "match", "search", "sub", "IGNORECASE"},
    "socket": {"create_connection", "socket", "timeout"},
    "ssl": {"CERT_NONE", "OP_NO_TLSv1", "OP_NO_TLSv1_1", "PROTOCOL_TLS_CLIENT", "SSLContext", "SSLError", "SSLSocket"},
    "struct": {"pack", "unpack"},
    "sys": {"_getframe"},
    "time": {"monotonic", "sleep", "time"},
    "typing": {"Callable", "Iterable", "Optional", "Union"},
    "uuid": {"uuid4"},
}
BEHIND_A_TEST = {("ssl", "TLSVersion")}
"""Newer names, used only where they exist."""


@pytest.fixture(scope="module")
def tree() -> ast.Module:
    return ast.parse(HELPER.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_it_is_written_in_the_language_of_3_6(tree: ast.Module) -> None:
    newer = (ast.NamedExpr, ast.Match)
    walrus_and_match = [node for node in ast.walk(tree) if isinstance(node, newer)]
    assert walrus_and_match == []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.args.posonlyargs == [], f"line {node.lineno}: positional-only arguments are of 3.8"
        if isinstance(node, ast.FormattedValue):
            nested = [one for one in ast.walk(node.value) if isinstance(one, ast.JoinedStr)]
            assert nested == [], f"line {node.lineno}: nested f-strings"
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in {"list", "dict", "tuple", "set", "type"}, f"line {node.lineno}: of 3.9"


def test_it_imports_only_what_the_standard_library_of_3_6_has(tree: ast.Module) -> None:
    used: set[tuple[str, str]] = set()
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {one.name for one in node.names}
        if isinstance(node, ast.ImportFrom):
            used |= {(str(node.module), one.name) for one in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.add((node.value.id, node.attr))
    assert modules <= IN_3_6.keys()
    found = {(module, name) for module, name in used if module in IN_3_6} - BEHIND_A_TEST
    assert found <= {(module, name) for module, names in IN_3_6.items() for name in names}


def test_python_3_6_itself_imports_it() -> None:
    python = shutil.which("python3.6")
    if python is None or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no Python 3.6 on this machine")
    code = f"import sys; sys.path.insert(0, {str(HELPER.parent)!r}); import {HELPER.stem}"
    subprocess.run([python, "-B", "-c", code], check=True)
