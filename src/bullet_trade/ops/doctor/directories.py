"""Checks of the directories: writable, state sound, nobody else in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bullet_trade.domain.errors import StateError, UsageError
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import Site
from bullet_trade.store import runtime_dir
from bullet_trade.store.generations import G_FILE, STATE_FILE
from bullet_trade.store.inspection import JOURNAL_FILE, inspect


def runtime(site: Site) -> Iterator[Finding]:
    """The runtime directory can be written."""
    yield _writable("runtime_dir", "运行目录", site.directory, "RUNTIME_DIR")


def logs(site: Site) -> Iterator[Finding]:
    """The log directory can be written."""
    yield _writable("log_dir", "日志目录", site.log_dir, "LOG_DIR")


def _writable(name: str, title: str, directory: Path, variable: str) -> Finding:
    directory = directory.expanduser().resolve()
    if not directory.exists():
        above = next((one for one in directory.parents if one.exists()), directory)
        if os.access(above, os.W_OK):
            return Finding(name, title, Level.OK, f"{directory} 还不存在，启动时创建")
        remedy = f"修正 {above} 的权限，或改 {variable}"
        return Finding(name, title, Level.FAILED, f"无法在 {above} 里建立 {directory.name}", "不能启动", remedy)
    try:
        runtime_dir.prepare(directory)
    except UsageError as error:
        remedy = f"修正目录权限，或改 {variable}"
        return Finding(name, title, Level.FAILED, error.text, "状态和记录无法保存", remedy)
    return Finding(name, title, Level.OK, f"{directory} 可写")


def lock(site: Site) -> Iterator[Finding]:
    """No engine runs in the directory."""
    title, directory = "引擎锁", site.directory.expanduser().resolve()
    if not directory.is_dir():
        yield Finding("lock", title, Level.OK, "没有引擎在这个运行目录里运行")
        return
    try:
        runtime_dir.lock(directory).release()
    except StateError as error:
        meaning = "同一目录不能再启动一个引擎"
        remedy = "这是正在运行的引擎则不必处理；要停止它：bullet-trade stop"
        yield Finding("lock", title, Level.WARNING, error.text, meaning, remedy)
    except UsageError as error:
        yield Finding("lock", title, Level.FAILED, error.text, "不能启动", error.remedy)
    else:
        yield Finding("lock", title, Level.OK, "没有引擎在这个运行目录里运行")


def state(site: Site) -> Iterator[Finding]:
    """Saved state and journal prove themselves."""
    title, directory = "保存的状态", site.directory.expanduser().resolve()
    if not any((directory / name).exists() for name in (STATE_FILE, G_FILE, JOURNAL_FILE)):
        yield Finding("state", title, Level.OK, "没有，首次启动会执行 initialize")
        return
    meaning = "下次启动不能照常恢复"
    remedy = (
        f"看 bullet-trade state show --runtime-dir {directory}；退回前一代用 live --restore N，"
        "放弃 g 重新开始用 live --fresh（流水和账户保留），不要手工删除 g.pkl"
    )
    try:
        found = inspect(directory)
    except (StateError, OSError) as error:
        yield Finding("state", title, Level.FAILED, str(error), meaning, remedy)
        return
    if found.problems:
        yield Finding("state", title, Level.FAILED, "；".join(found.problems), meaning, remedy)
    elif not found.generations:
        yield Finding("state", title, Level.FAILED, f"有流水，没有 {STATE_FILE} 和 {G_FILE}", meaning, remedy)
    else:
        yield Finding("state", title, Level.OK, f"{found.last_save[:19]} 保存，流水 {found.records} 条，完好")
