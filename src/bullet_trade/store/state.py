"""`live_state.json` and `g.pkl`, in the layout that deployed installations have (version 1), and more of our own.

`g.pkl` is the pickle of the plain dict behind `g`; classes of the strategy file are pickled under the module name
`strategy`. `live_state.json` is indented JSON with sorted keys.
"""

from __future__ import annotations

import shutil
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import datetime
from itertools import count
from pathlib import Path
from types import ModuleType

from bullet_trade.domain.errors import StateError
from bullet_trade.ports.state_store import Loaded, SavedState, SavedTask
from bullet_trade.store.files import Disk
from bullet_trade.store.generations import G_FILE, STATE_FILE, Damage, Document, Generations, Pair
from bullet_trade.store.safe_pickle import load_attributes, picklable_part

STRATEGY_VERSION = 1
"""The version of the `strategy` section that deployed files carry."""

OWN_SCHEMA = 1
"""The version of our own section, `bullet_trade`."""

_CHOICES = "用 --restore 代号 退回较早的一代，或用 --fresh 归档现有状态后重新开始"

__all__ = ["G_FILE", "STATE_FILE", "FileStateStore", "LastStateStore", "archive"]


class FileStateStore:
    """State files in one runtime directory. Writing happens on a thread of its own: a large `g` holds the engine only
    while it is pickled."""

    def __init__(
        self,
        directory: Path,
        durable: bool = True,
        restore: int | None = None,
        disk: Disk | None = None,
        writer: Executor | None = None,
        kept_days: int = 0,
    ) -> None:
        """`restore` names the generation to begin with instead of the newest; `writer` is where files are written;
        `kept_days` as for `Generations`."""
        self._directory = directory
        self._generations = Generations(directory, durable, disk=disk, kept_days=kept_days)
        self._restore = restore
        self._number = 0
        self._writer: Executor = writer or ThreadPoolExecutor(1, "state-writer")
        self._writing: Future[None] | None = None

    @property
    def generation(self) -> int:
        return self._number

    def load(self) -> Loaded | None:
        newest, damaged = self._generations.newest()
        self._number = max([newest.number if newest else 0, *self._generations.numbers()])
        if self._restore is not None:
            pair = self._generations.load(self._restore)
            return loaded(pair, (f"按 --restore 使用第 {pair.number} 代状态",))
        if newest is not None:
            return loaded(newest, tuple(_fallen_back(newest, damaged)))
        if damaged:
            words = "；".join(f"{_place(self._directory, d)} {d.reason}" for d in damaged)
            raise StateError(f"运行目录 {self._directory} 的状态全部损坏：{words}", _CHOICES)
        return None

    def save(self, state: SavedState, g: dict[str, object], strategy: ModuleType | None) -> tuple[str, ...]:
        kept, unsaved = picklable_part(g, strategy)
        self._wait()
        self._number += 1
        self._writing = self._writer.submit(self._generations.save, self._number, _to_document(state), kept)
        return unsaved

    def _wait(self) -> None:
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        try:
            writing.result()
        except OSError as error:
            raise StateError(f"无法保存状态到 {self._directory}：{error.strerror}", "检查磁盘空间和目录权限") from error

    def close(self) -> tuple[str, ...]:
        try:
            self._wait()
        finally:
            self._writer.shutdown()
        return ()


def loaded(pair: Pair, notes: tuple[str, ...] = ()) -> Loaded:
    """A pair as a start takes it. Raises `StateError` naming the file where its content makes no sense."""
    path = pair.directory / STATE_FILE
    try:
        state = _from_document(pair.state)
    except _VersionError as error:
        raise StateError(f"状态文件 {path} 由其他版本写成（{error}）", f"请升级 bullet-trade，或{_CHOICES}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(f"状态文件 {path} 已损坏（{error}）", _CHOICES) from error

    def unpickle(strategy: ModuleType | None) -> dict[str, object]:
        return load_attributes(pair.g, strategy, pair.directory / G_FILE)

    return Loaded(state, unpickle, notes)


class LastStateStore:
    """For replays, which can be run again: remembers each save and writes the last one when the run ends."""

    def __init__(self, files: FileStateStore) -> None:
        self._files = files
        self._last: tuple[SavedState, dict[str, object], ModuleType | None] | None = None
        self.load = files.load

    @property
    def generation(self) -> int:
        return self._files.generation

    def save(self, state: SavedState, g: dict[str, object], strategy: ModuleType | None) -> tuple[str, ...]:
        self._last = (state, g, strategy)
        return ()

    def close(self) -> tuple[str, ...]:
        unsaved = self._files.save(*self._last) if self._last is not None else ()
        self._files.close()
        return unsaved


def archive(directory: Path, now: datetime) -> Path | None:
    """Move the state files aside, for a fresh start; nothing is deleted. Returns where they are, None without any.

    Raises `StateError` where they cannot be moved.
    """
    names = [name for name in (STATE_FILE, G_FILE, "generations") if _holds_anything(directory / name)]
    if not names:
        return None
    folder, stamp = directory / "archive", f"{now:%Y%m%d-%H%M%S-%f}"
    # Replays of the same days begin at the same moment, each time.
    target = next(path for path in (folder / f"{stamp}-{number}" for number in count(1)) if not path.exists())
    try:
        target.mkdir(parents=True)
        for name in names:
            shutil.move(directory / name, target / name)
    except OSError as error:
        raise StateError(f"无法把状态文件归档到 {target}：{error.strerror}", "检查磁盘空间和目录权限后重试") from error
    return target


def _holds_anything(path: Path) -> bool:
    return path.is_file() or any(file.is_file() for file in path.rglob("*"))


def _fallen_back(pair: Pair, damaged: list[Damage]) -> list[str]:
    if not damaged:
        return []
    words = "；".join(f"{damage.directory.name} {damage.reason}" for damage in damaged)
    saved = pair.state.get("bullet_trade", {}).get("saved_at", "时间不明")
    return [f"最新的状态不完整（{words}），已退回第 {pair.number} 代，保存于 {saved}"]


def _place(directory: Path, damage: Damage) -> str:
    return "当前" if damage.directory == directory else f"第 {damage.directory.name} 代"


class _VersionError(Exception):
    """The file's layout is of another version."""


def _to_document(state: SavedState) -> Document:
    tasks = [
        {
            "module": "strategy",
            "func": task.func,
            "schedule_type": task.schedule_type,
            "time": task.time,
            "weekday": task.index if task.schedule_type == "weekly" else None,
            "monthday": task.index if task.schedule_type == "monthly" else None,
            "enabled": True,
            "reference_security": task.reference_security,
            "force": task.force,
            **({"catch_up_s": task.catch_up_s} if task.catch_up_s else {}),
        }
        for task in state.tasks
    ]
    return {
        "scheduler": {"last_cursor": state.saved_at.replace(second=0, microsecond=0).isoformat()},
        "subscriptions": {"symbols": state.subscriptions, "markets": []},
        "strategy": {
            "version": STRATEGY_VERSION,
            "strategy_hash": state.strategy_hash,
            "strategy_start_date": state.strategy_start_date,
            "settings": state.settings,
            "tasks": tasks,
        },
        "bullet_trade": {
            "schema": OWN_SCHEMA,
            "saved_at": state.saved_at.isoformat(),
            "run_number": state.run_number,
            "next_order_number": state.next_order_number,
            "starting_cash": state.starting_cash,
            "marks": state.marks,
            "opened": state.opened,
        },
    }


def _from_document(document: Document) -> SavedState:
    strategy = document["strategy"]
    own = document.get("bullet_trade", {"schema": OWN_SCHEMA})
    if strategy["version"] != STRATEGY_VERSION or own["schema"] != OWN_SCHEMA:
        raise _VersionError(
            f"格式版本 {strategy['version']}/{own['schema']}，本程序支持 {STRATEGY_VERSION}/{OWN_SCHEMA}"
        )
    saved_at = own.get("saved_at") or document.get("scheduler", {}).get("last_cursor") or "1970-01-01T00:00:00"
    rows = strategy.get("tasks") or []
    return SavedState(
        saved_at=datetime.fromisoformat(str(saved_at)),
        strategy_hash=str(strategy.get("strategy_hash") or ""),
        strategy_start_date=str(strategy.get("strategy_start_date") or ""),
        run_number=_int(own.get("run_number")),
        next_order_number=_int(own.get("next_order_number")) or 1,
        starting_cash=_int(own.get("starting_cash")),
        tasks=[_task(row) for row in rows if row.get("enabled", True)] if isinstance(rows, list) else [],
        settings=_dict(strategy.get("settings")),
        subscriptions=[str(code) for code in _list(document.get("subscriptions", {}).get("symbols"))],
        marks={str(k): str(v) for k, v in _dict(own.get("marks")).items()},
        opened={str(k): str(v) for k, v in _dict(own.get("opened")).items()},
    )


def _task(row: dict[str, object]) -> SavedTask:
    index = row.get("weekday") or row.get("monthday") or 0
    reference = row.get("reference_security")
    return SavedTask(
        func=str(row["func"]),
        schedule_type=str(row["schedule_type"]),
        time=str(row["time"]),
        index=_int(index),
        force=bool(row.get("force", True)),
        reference_security=str(reference) if reference is not None else None,
        catch_up_s=_seconds(row.get("catch_up_s")),
    )


def _int(value: object) -> int:
    return int(value) if isinstance(value, int | float | str) and value != "" else 0


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
