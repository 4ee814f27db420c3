"""Changing the strategy's code while it runs: between callbacks, all or nothing, `g` kept.

The new file is checked and executed into a module of its own. Only when that worked, and every scheduled function is
still there, does it replace the old one; anything else leaves the old code running.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.engine.commands import Answer

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine


def _nothing_wrong(_: Path) -> Sequence[str]:
    return ()


def _nothing_to_move(_old: ModuleType, _new: ModuleType) -> Sequence[str]:
    return ()


class Reloader:
    """Reloads the strategy of one engine. Engine thread only, between callbacks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.check: Callable[[Path], Sequence[str]] = _nothing_wrong
        """Says what in a file cannot work here, without running it; set where the program is composed."""
        self.move: Callable[[ModuleType, ModuleType], Sequence[str]] = _nothing_to_move
        """Takes what `g` holds from the old module to the new one and says what it could not; set by the strategy
        layer."""

    def __call__(self) -> Answer:
        """Reload, and call `after_code_changed`; what came of it."""
        engine = self._engine
        host, tasks = engine.host, engine.tasks
        try:
            if host.file_hash() == host.source_hash:
                return Answer(True, "unchanged", "策略文件没有变化，没有重新加载")
            problems = self.check(host.path)
        except BulletTradeError as error:
            problems = (error.text,)
        if problems:
            return _kept_old("；".join(problems))
        former, scheduled = host.loaded, list(tasks)
        try:
            host.load()
        except BulletTradeError as error:
            host.loaded = former
            tasks.keep_only(scheduled)
            return _kept_old(error.text)
        except BaseException:
            host.loaded = former  # exit() or Ctrl+C in the file's own code
            tasks.keep_only(scheduled)
            raise
        missing = sorted({task.function for task in scheduled if host.function(task.function) is None})
        if missing:
            host.loaded = former
            tasks.keep_only(scheduled)
            return _kept_old(f"定时任务用到的函数 {'、'.join(missing)} 在新文件里没有了")
        tasks.rebind(scheduled, host.function)
        notes = self.move(former.module, host.module)
        now = engine.now()
        body: dict[str, object] = {"old": former.source_hash, "new": host.source_hash, "tasks": len(scheduled)}
        engine.journal.append(now, "reload", body)
        engine.journal.barrier()
        engine.call_hook("after_code_changed", (engine.context,), now)
        words = [
            f"新代码已生效（{former.source_hash[:8]} -> {host.source_hash[:8]}），{len(scheduled)} 个定时任务已换新"
        ]
        return Answer(True, "reloaded", "；".join([*words, *notes]))


def _kept_old(why: str) -> Answer:
    return Answer(False, "kept_old", f"没有重新加载，旧代码继续运行：{why}")
