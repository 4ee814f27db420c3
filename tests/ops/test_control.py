"""The control socket: who is let in, what is answered, and that a silent client is nobody's problem."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.brake import BrakeMode, BrakeState
from bullet_trade.ops.control.brake_file import BRAKE_FILE, kept_brake, told
from bullet_trade.ops.control.client import ask, myself
from bullet_trade.ops.control.endpoint import CONTROL_FILE, Place, find
from bullet_trade.ops.control.messages import VERSION, Reply, Request
from bullet_trade.ops.control.server import ControlServer

POSIX = os.name == "posix"


async def echo(request: Request) -> Reply:
    """Answers with the command's name."""
    return Reply(True, request.command, f"{request.who.user} {request.why}")


@contextmanager
def serving(directory: Path, unix: bool = POSIX, deadline_s: float = 60.0) -> Iterator[ControlServer]:
    server = ControlServer(Place(directory, unix), echo, deadline_s)
    server.start()
    try:
        yield server
    finally:
        server.close()


def raw(directory: Path) -> socket.socket:
    """A connection that says nothing."""
    endpoint = find(directory)
    assert endpoint is not None
    if not endpoint.path:
        return socket.create_connection(("127.0.0.1", endpoint.port), 60)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(endpoint.path)
    return connection


@pytest.mark.parametrize(
    "unix", [pytest.param(True, marks=pytest.mark.skipif(not POSIX, reason="no such socket")), False]
)
def test_a_command_is_answered(unix: bool, tmp_path: Path) -> None:
    with serving(tmp_path, unix):
        assert ask(tmp_path, "halt", "异常").text == f"{myself().user} 异常"
    assert not (tmp_path / CONTROL_FILE).exists()
    assert not (tmp_path / "control.sock").exists()


def test_others_are_served_while_clients_stall(tmp_path: Path) -> None:
    with serving(tmp_path), ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(raw(tmp_path)).sendall(b'{"version":')
        assert ask(tmp_path, "status").code == "status"


def test_a_silent_client_is_dropped_after_the_deadline(tmp_path: Path) -> None:
    with serving(tmp_path, deadline_s=0.05), raw(tmp_path) as silent:
        assert silent.recv(1) == b""


def test_the_server_ends_at_once_although_a_client_is_silent(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with serving(tmp_path, deadline_s=60.0):
            stack.enter_context(raw(tmp_path))
        assert find(tmp_path) is None


@pytest.mark.skipif(not POSIX, reason="modes of POSIX")
def test_only_the_user_may_open_the_socket_and_read_the_token(tmp_path: Path) -> None:
    with serving(tmp_path):
        for name in ("control.sock", CONTROL_FILE):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.skipif(not POSIX, reason="Unix sockets")
def test_a_path_that_is_too_long_for_a_socket_goes_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("目" * 40)
    deep.mkdir()
    with serving(deep):
        endpoint = find(deep)
        assert endpoint is not None
        assert stat.S_IMODE(Path(endpoint.path).parent.stat().st_mode) == 0o700
        assert ask(deep, "status").ok
    assert not Path(endpoint.path).parent.exists()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"hello\n", "bad_request"),
        (b"{}\n", "bad_request"),
        ("token", "denied"),
        ("command", "bad_request"),
        ("version", "bad_request"),
    ],
)
def test_what_is_not_understood_or_not_allowed_is_refused(line: bytes | str, code: str, tmp_path: Path) -> None:
    with serving(tmp_path):
        endpoint = find(tmp_path)
        assert endpoint is not None
        good = Request(VERSION, endpoint.token, "halt", myself())
        if isinstance(line, str):
            wrong = {"token": "0" * 64, "command": "sell-all", "version": 99}[line]
            line = msgspec.json.encode(msgspec.structs.replace(good, **{line: wrong})) + b"\n"
        with raw(tmp_path) as connection, connection.makefile("rb") as replies:
            connection.sendall(line)
            assert json.loads(replies.readline())["code"] == code


def test_a_request_without_end_is_dropped(tmp_path: Path) -> None:
    with serving(tmp_path), raw(tmp_path) as endless:
        try:
            endless.sendall(b"x" * 200_000)
            answer = endless.recv(1)
        except ConnectionError:
            answer = b""
        assert answer == b""


def test_where_nobody_runs_the_user_is_told_where_somebody_does(tmp_path: Path) -> None:
    replay = tmp_path / "replays" / "demo"
    replay.mkdir(parents=True)
    with serving(replay), pytest.raises(UsageError, match="demo"):
        ask(tmp_path, "status")


@pytest.mark.skipif(not POSIX, reason="Unix sockets")
def test_an_engine_that_was_killed_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    with serving(tmp_path):
        left = (tmp_path / CONTROL_FILE).read_bytes()
    (tmp_path / CONTROL_FILE).write_bytes(left)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    with pytest.raises(UsageError, match="没有正在运行的引擎"):
        ask(tmp_path, "status")
    with serving(tmp_path):  # and the next engine takes the place over
        assert ask(tmp_path, "status").ok


class TestBrakeFile:
    def test_a_halt_survives_the_process(self, tmp_path: Path) -> None:
        kept_brake(tmp_path).halt("li", "异常", "2025-06-03T10:00:00")
        again = kept_brake(tmp_path)
        assert again.halted
        assert told(again.state) == "急停有效（li 2025-06-03 10:00:00）：异常；执行 bullet-trade resume 解除"
        again.resume("li", "", "", again.state.number)
        assert kept_brake(tmp_path).state.mode is BrakeMode.RUNNING

    @pytest.mark.parametrize("content", [b"", b"{", b'{"mode":"sleeping"}', b"[]"])
    def test_a_damaged_file_counts_as_a_halt_and_says_so(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / BRAKE_FILE).write_bytes(content)
        brake = kept_brake(tmp_path)
        assert brake.halted
        assert "brake.json 无法读取" in told(brake.state)

    def test_without_a_file_nothing_is_held(self, tmp_path: Path) -> None:
        assert kept_brake(tmp_path).state == BrakeState()
        assert told(BrakeState()) == ""
