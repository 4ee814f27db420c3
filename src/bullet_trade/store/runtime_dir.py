"""The runtime directory: made when missing, checked before anything trades, locked against a second engine."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from filelock import FileLock, Timeout

from bullet_trade.domain.errors import StateError, UsageError

LOCK_FILE = ".live.lock"


def prepare(directory: Path) -> Path:
    """The directory, absolute, existing and writable. Raises `UsageError` naming it and the remedy."""
    remedy = "换一个目录（--runtime-dir 或 RUNTIME_DIR），或修正权限"
    directory = directory.expanduser().resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
        next(directory.iterdir(), None)
    except OSError as error:
        raise UsageError(f"运行目录 {directory} 不可用：{error.strerror or error}", remedy) from error
    return directory


def lock(directory: Path, since: str = "") -> FileLock:
    """Take the directory for this process until the lock is released or the process ends; `since` is told to others.

    Raises `StateError` when another engine holds it.
    """
    held = FileLock(directory / LOCK_FILE)
    about = directory / f"{LOCK_FILE}.json"
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise StateError(
            f"运行目录 {directory} 正被另一个引擎使用（{_holder(about)}）",
            "先停止它，或为本策略指定另一个 --runtime-dir",
        ) from error
    facts = {"pid": os.getpid(), "host": platform.node(), "started_at": since, "lock_kind": "runtime_dir"}
    about.write_text(json.dumps(facts), encoding="utf-8")  # left behind by a crash it is stale, and overwritten here
    return held


def _holder(about: Path) -> str:
    try:
        facts = json.loads(about.read_text(encoding="utf-8"))
        return f"进程 {facts['pid']}，主机 {facts['host']}，启动于 {facts['started_at']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "持有者不明"
