from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import Peer, Served


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers that are stopped after the test."""
    running: list[Served] = []

    def start(**given: object) -> Served:
        directory = tmp_path / str(given.pop("directory", "server"))
        directory.mkdir(exist_ok=True)
        served = Served(directory, **given)  # type: ignore[arg-type]
        running.append(served)
        return served

    yield start
    for served in running:
        if not served.loop.is_closed():
            served.stop()


@pytest.fixture
def clients() -> Iterator[Callable[..., Peer]]:
    """Connects clients that are closed after the test."""
    open_ones: list[Peer] = []

    def connect(served: Served, *given: object, **more: object) -> Peer:
        peer = served.client(*given, **more)  # type: ignore[arg-type]
        open_ones.append(peer)
        return peer

    yield connect
    for peer in open_ones:
        peer.close()


@pytest.fixture
def raw() -> Iterator[Callable[..., Peer]]:
    """Connects without a handshake; closed after the test."""
    open_ones: list[Peer] = []

    def connect(served: Served, *given: object) -> Peer:
        peer = Peer(served.port, *given)  # type: ignore[arg-type]
        open_ones.append(peer)
        return peer

    yield connect
    for peer in open_ones:
        peer.close()
