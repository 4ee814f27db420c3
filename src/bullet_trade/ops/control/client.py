"""Asks a running engine, from another process."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from pathlib import Path

import msgspec

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.engine.commands import Who
from bullet_trade.ops.control.endpoint import LOOPBACK, Endpoint, find
from bullet_trade.ops.control.messages import VERSION, Reply, Request

REPLY_S = 10.0
"""The control thread answers at once, or after five seconds, when the strategy keeps the engine busy."""

BELOW = ("dry_run", "replays/*")
"""Where engines that are not live have their directories."""


def ask(directory: Path, command: str, why: str = "", everything: bool = False, timeout_s: float = REPLY_S) -> Reply:
    """Send one command to the engine of a runtime directory.

    Raises `UsageError` when none runs there, `StateError` when it does not answer within `timeout_s` seconds.
    """
    endpoint = find(directory)
    if endpoint is None:
        raise _nobody(directory)
    request = Request(VERSION, endpoint.token, command, myself(), why, everything)
    try:
        line = _exchange(endpoint, msgspec.json.encode(request) + b"\n", timeout_s)
    except TimeoutError as error:
        raise StateError(
            f"运行目录 {directory} 的引擎（进程 {endpoint.pid}）{timeout_s:g} 秒内没有应答",
            "检查该进程；需要时结束它，急停状态保存在 brake.json",
        ) from error
    except OSError as error:
        raise _nobody(directory) from error
    if not line.endswith(b"\n"):
        raise StateError(f"引擎（进程 {endpoint.pid}）没有回答完就断开了", "它可能正在退出；稍后用 status 查看")
    return msgspec.json.decode(line, type=Reply)


def myself() -> Who:
    """The person who runs this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this user, or (Windows) no such module
        user = str(os.getuid()) if hasattr(os, "getuid") else "?"
    try:
        tty = os.ttyname(sys.stdin.fileno()).removeprefix("/dev/") if hasattr(os, "ttyname") else ""
    except (OSError, ValueError, AttributeError):  # not at a terminal
        tty = ""
    return Who(user, os.getpid(), tty)


def _exchange(endpoint: Endpoint, line: bytes, timeout_s: float) -> bytes:
    with _connected(endpoint, timeout_s) as connection, connection.makefile("rb") as replies:
        connection.sendall(line)
        return replies.readline()


def _connected(endpoint: Endpoint, timeout_s: float) -> socket.socket:
    if not endpoint.path:
        return socket.create_connection((LOOPBACK, endpoint.port), timeout_s)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout_s)
    try:
        connection.connect(endpoint.path)
    except OSError:
        connection.close()
        raise
    return connection


def _nobody(directory: Path) -> UsageError:
    others = [str(one.parent) for place in BELOW for one in directory.glob(f"{place}/control.json")]
    hint = f"或指定 --runtime-dir {others[0]}" if others else "或用 --runtime-dir 指定它的运行目录"
    return UsageError(
        f"运行目录 {directory} 里没有正在运行的引擎（最快速度的回放不接受命令）",
        f"先用 bullet-trade live 启动，{hint}",
    )
