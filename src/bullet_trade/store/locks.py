"""Locks that the operating system holds for this process: it gives them back itself when the process dies, however it
dies. The file of facts beside a lock only tells people who the holder is; it decides nothing.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout


class HeldError(Exception):
    """Another process holds the lock; `holder` says which, in Chinese."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class Held:
    """Locks taken, given back together: at `release`, or when the process ends."""

    def __init__(self) -> None:
        self._locks: list[tuple[FileLock, Path]] = []

    def take(self, file: Path, kind: str, since: str, facts: Mapping[str, str]) -> None:
        """Take the lock at `file` without waiting, and write down who has it: `since` is exchange time as text, `facts`
        more about the holder. Raises `HeldError`, or `OSError` when the file cannot be made."""
        about = file.with_name(f"{file.name}.json")
        held = FileLock(file)
        try:
            held.acquire(timeout=0)
        except Timeout as error:
            raise HeldError(_holder(about)) from error
        self._locks.append((held, about))
        known = {"pid": os.getpid(), "host": platform.node(), "started_at": since, "lock_kind": kind, **facts}
        about.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")

    def release(self) -> None:
        """Give all of them back."""
        while self._locks:
            held, about = self._locks.pop()
            about.unlink(missing_ok=True)  # before the lock: the next holder writes its own
            held.release()


def _holder(about: Path) -> str:
    try:
        facts = json.loads(about.read_text(encoding="utf-8"))
        words = f"进程 {facts['pid']}，主机 {facts['host']}，启动于 {facts['started_at']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "持有者不明"
    more = (("策略", "strategy_name"), ("运行目录", "runtime_dir"))
    return "，".join([words, *(f"{word} {facts[key]}" for word, key in more if facts.get(key))])
