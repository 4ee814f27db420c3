"""`live_state.json` and `g.pkl`, in the layout that deployed installations have (version 1), and more of our own.

`g.pkl` is the pickle of the plain dict behind `g`; classes of the strategy file are pickled under the module name
`strategy`. `live_state.json` is indented JSON with sorted keys.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bullet_trade.domain.errors import StateError
from bullet_trade.ports.state_store import SavedState, SavedTask
from bullet_trade.store.files import write_atomically

STATE_FILE, G_FILE = "live_state.json", "g.pkl"
STRATEGY_VERSION = 1
"""The version of the `strategy` section that deployed files carry."""

OWN_SCHEMA = 1
"""The version of our own section, `bullet_trade`."""

_REMEDY = "从备份恢复该文件，或把运行目录改名后重新启动（会作为首次启动）"


class FileStateStore:
    """State files in one runtime directory."""

    def __init__(self, directory: Path, durable: bool = True) -> None:
        self._state = directory / STATE_FILE
        self._g = directory / G_FILE
        self._durable = durable

    def load(self) -> tuple[SavedState, Callable[[], dict[str, object]]] | None:
        if not self._state.exists() and not self._g.exists():
            return None
        for path in (self._state, self._g):
            if not path.exists():
                raise StateError(f"状态不完整：缺少 {path}", _REMEDY)
        return self._load_state(), self._load_g

    def _load_state(self) -> SavedState:
        try:
            document = json.loads(self._state.read_text(encoding="utf-8"))
            return _from_document(document)
        except OSError as error:
            raise StateError(f"无法读取 {self._state}：{error.strerror}", "检查文件权限") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"状态文件 {self._state} 已损坏（{error}）", _REMEDY) from error

    def _load_g(self) -> dict[str, object]:
        try:
            with self._g.open("rb") as file:
                loaded = pickle.load(file)
        except OSError as error:
            raise StateError(f"无法读取 {self._g}：{error.strerror}", "检查文件权限") from error
        except Exception as error:  # unpickling a damaged file can raise anything
            raise StateError(f"全局变量文件 {self._g} 无法恢复（{type(error).__name__}: {error}）", _REMEDY) from error
        if not isinstance(loaded, dict):
            raise StateError(f"全局变量文件 {self._g} 的内容不是字典", _REMEDY)
        return loaded

    def save(self, state: SavedState, g: dict[str, object]) -> tuple[str, ...]:
        kept, unsaved = _picklable(g)
        text = json.dumps(_to_document(state), ensure_ascii=False, indent=2, sort_keys=True)
        try:
            write_atomically(self._g, kept, self._durable)
            write_atomically(self._state, text.encode("utf-8"), self._durable)
        except OSError as error:
            raise StateError(
                f"无法保存状态到 {self._state.parent}：{error.strerror}", "检查磁盘空间和目录权限"
            ) from error
        return unsaved

    def close(self) -> tuple[str, ...]:
        return ()


class LastStateStore:
    """For replays, which can be run again: remembers each save and writes the last one when the run ends."""

    def __init__(self, files: FileStateStore) -> None:
        self._files = files
        self._last: tuple[SavedState, dict[str, object]] | None = None
        self.load = files.load

    def save(self, state: SavedState, g: dict[str, object]) -> tuple[str, ...]:
        self._last = (state, g)
        return ()

    def close(self) -> tuple[str, ...]:
        return self._files.save(*self._last) if self._last is not None else ()


def _picklable(g: dict[str, object]) -> tuple[bytes, tuple[str, ...]]:
    """The pickle of `g`, and the names of what could not be pickled and was left out."""
    try:
        return pickle.dumps(g, protocol=pickle.HIGHEST_PROTOCOL), ()
    except Exception:  # noqa: BLE001 - any type may refuse; find out below which attribute it is
        kept = {name: value for name, value in g.items() if _can_pickle(value)}
        return pickle.dumps(kept, protocol=pickle.HIGHEST_PROTOCOL), tuple(sorted(g.keys() - kept.keys()))


def _can_pickle(value: object) -> bool:
    try:
        pickle.Pickler(io.BytesIO(), protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    except Exception:  # noqa: BLE001 - a refusal is the answer
        return False
    return True


def _to_document(state: SavedState) -> dict[str, object]:
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


def _from_document(document: dict[str, dict[str, object]]) -> SavedState:
    strategy = document["strategy"]
    own = document.get("bullet_trade", {"schema": OWN_SCHEMA})
    if strategy["version"] != STRATEGY_VERSION or own["schema"] != OWN_SCHEMA:
        raise ValueError(f"格式版本 {strategy['version']}/{own['schema']}，本程序支持 {STRATEGY_VERSION}/{OWN_SCHEMA}")
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
    )


def _int(value: object) -> int:
    return int(value) if isinstance(value, int | float | str) and value != "" else 0


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
