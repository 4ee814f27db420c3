"""The native client class that the vendor's `xttrader.py` talks to, and the module that holds it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from itertools import count
from types import ModuleType
from typing import Protocol

from bullet_trade.testing.fake_qmt.records import RECORDS

Bound = Callable[..., object]


class TerminalSide(Protocol):
    """What a client needs of the terminal behind it."""

    def attach(self, client: Client) -> int: ...
    def detach(self, client: Client) -> None: ...
    def request(self, client: Client, name: str, seq: int, arguments: tuple[object, ...]) -> None: ...


class NativeModule(ModuleType):
    """Stands in for `xtquant.xtpythonclient`. `terminals` are those that run on this machine, by directory."""

    def __init__(self) -> None:
        super().__init__("xtquant.xtpythonclient")
        self.terminals: dict[str, TerminalSide] = {}
        for name, record in RECORDS.items():
            setattr(self, name, record)
        module = self

        class XtQuantAsyncClient(Client):
            """The client, bound to this module's terminals."""

            def __init__(self, path: bytes, kind: str, session: int) -> None:
                super().__init__(module.terminals, path, kind, session)

        self.XtQuantAsyncClient = XtQuantAsyncClient


class Client:
    """Keeps the functions that the Python layer binds, and passes requests on. Callbacks come on the terminal's own
    thread, never on that of the caller."""

    def __init__(self, terminals: dict[str, TerminalSide], path: bytes, kind: str, session: int) -> None:
        if not isinstance(path, bytes) or kind != "xtquant" or not isinstance(session, int):
            raise TypeError("expected (bytes, 'xtquant', int)")
        self.session = session
        self.terminal = terminals.get(path.decode("gb18030"))
        self.started = self.connected = False
        self._bound: dict[str, Bound] = {}
        self._seq = count(1)

    def __getattr__(self, name: str) -> Bound:
        if name.startswith("bindOn"):
            return lambda function: self._bound.__setitem__(name, function)
        if name.endswith("WithSeq"):
            return lambda seq, *arguments: self._request(name.removesuffix("WithSeq"), seq, arguments)
        raise AttributeError(name)

    def init(self) -> None:
        """Nothing to prepare."""

    def start(self) -> None:
        self.started = True

    def connect(self) -> int:
        result = -1 if self.terminal is None or not self.started else self.terminal.attach(self)
        self.connected = result == 0
        return result

    def stop(self) -> None:
        if self.terminal is not None:
            self.terminal.detach(self)
        self.connected = False

    def nextSeq(self) -> int:  # noqa: N802  # a name of the vendor's
        return next(self._seq)

    def setTimeout(self, timeout: int) -> None:  # noqa: N802
        """The native timer's effect is not known; it has none here."""

    def call_back(self, name: str, *arguments: object) -> None:
        """Call what was bound under `name`, on the terminal's thread. Raises what the Python layer raises."""
        self._bound[name](*arguments)

    def flush(self) -> None:
        """Wait until the Python layer has worked off everything that it was given."""
        bound = self._bound["bindOnSubscribeRespCallback"]
        trader = inspect.getclosurevars(bound).nonlocals["self"]  # the layer gives us closures over its trader
        for executor in (trader.executor, trader.relaxed_resp_executor):
            if isinstance(executor, Executor):
                try:
                    executor.submit(_nothing).result(10.0)
                except RuntimeError:
                    continue  # stopped meanwhile

    def _request(self, name: str, seq: int, arguments: tuple[object, ...]) -> None:
        if self.terminal is not None and self.connected:
            self.terminal.request(self, name, seq, arguments)


def _nothing() -> None:
    """Comes after everything that was there before."""
