from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "helpers"))  # the file as JoinQuant imports it
sys.path.insert(0, str(PROJECT / "tests" / "server"))

from jq_platform import Log  # noqa: E402
from served import TOKEN, Served  # noqa: E402

from bullet_trade.testing.fault_proxy import FaultProxy  # noqa: E402


@pytest.fixture
def log() -> Log:
    """What was written to JoinQuant's log."""
    return Log()


@pytest.fixture
def bt(tmp_path: Path, log: Log) -> Iterator[ModuleType]:
    """The helper as a fresh process has it; `bt.start(port, ...)` configures it without pauses."""
    sys.modules.pop("bullet_trade_jq_remote_helper", None)
    import bullet_trade_jq_remote_helper as module

    def start(port: int, **options: object) -> None:
        given = {
            "token": TOKEN, "account_key": "main", "strategy": "test", "retry_interval": 0.0, "connect_timeout": 2.0,
            "resolve_pauses": (0.0, 0.0), "rpc_timeout": 5.0, "wait_timeout": 0.0, "log": log,
            "state_file": str(tmp_path / "state.json"), **options,
        }  # fmt: skip
        module.configure("127.0.0.1", port, **given)

    module.start = start  # type: ignore[attr-defined]
    yield module
    module.uninstall()
    sys.modules.pop("bullet_trade_jq_remote_helper", None)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts our server with scripted brokers."""
    running: list[Served] = []

    def start(**given: object) -> Served:
        directory = tmp_path / f"server{len(running)}"
        directory.mkdir()
        running.append(Served(directory, **given))  # type: ignore[arg-type]
        return running[-1]

    yield start
    for served in running:
        served.stop()


@pytest.fixture
def between(serve: Callable[..., Served]) -> Iterator[Callable[[int], FaultProxy]]:
    """A bad network in front of a port."""
    made: list[FaultProxy] = []

    def start(port: int) -> FaultProxy:
        made.append(FaultProxy(port, Random(1)))
        return made[-1]

    yield start
    for proxy in made:
        proxy.close()
