"""The runtime directory: made when missing, checked before anything trades, locked against a second engine."""

from __future__ import annotations

import os
from pathlib import Path

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.store.locks import Held, HeldError

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


def lock(directory: Path, since: str = "") -> Held:
    """Take the directory for this process until the lock is released or the process ends; `since` is told to others.

    Raises `StateError` when another engine holds it.
    """
    held = Held()
    try:
        held.take(directory / LOCK_FILE, "runtime_dir", since, {})
    except HeldError as error:
        raise StateError(
            f"运行目录 {directory} 正被另一个引擎使用（{error.holder}）", "先停止它，或为本策略指定另一个 --runtime-dir"
        ) from error
    except OSError as error:
        held.release()
        raise UsageError(
            f"无法锁住运行目录 {directory}：{error.strerror or error}", "检查目录权限和磁盘空间"
        ) from error
    return held
