"""Puts the stand-in where the vendor's package looks for its native part."""

from __future__ import annotations

import importlib.util
import sys

from bullet_trade.testing.fake_qmt.client import NativeModule
from bullet_trade.testing.fake_qmt.terminal import FakeTerminal

NATIVE = "xtquant.xtpythonclient"


def wheel_is_there() -> bool:
    """Whether the vendor's package is installed; it is not imported by asking."""
    return importlib.util.find_spec("xtquant") is not None


def install() -> NativeModule:
    """Replace the native trading module, once per process, before anything imports `xtquant.xttrader`.

    Raises `RuntimeError` where the real one is loaded already.
    """
    present = sys.modules.get(NATIVE)
    if isinstance(present, NativeModule):
        return present
    if present is not None:
        raise RuntimeError("the real xtpythonclient is loaded")
    made = NativeModule()
    sys.modules[NATIVE] = made
    return made


def serve(terminal: FakeTerminal) -> None:
    """Let clients find the terminal under its directory."""
    install().terminals[str(terminal.directory)] = terminal


def withdraw(terminal: FakeTerminal) -> None:
    """Forget the terminal."""
    install().terminals.pop(str(terminal.directory), None)
