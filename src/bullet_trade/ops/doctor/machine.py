"""Checks of the machine: Python, packages, time zone, disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from bullet_trade import __version__
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import Site

OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED = ("numpy", "pandas", "duckdb", "msgspec", "pydantic-settings", "exchange-calendars", "filelock", "TA-Lib")
"""Packages without which a run fails sooner or later, by their names on the package index."""

MEBIBYTE = 1 << 20
FULL, TIGHT = 200 * MEBIBYTE, 1024 * MEBIBYTE
"""A day's journal and log take some tens of megabytes; the terminal writes a queue of 70 per session number."""

BEIJING_OFFSET = timedelta(hours=8)


def python(site: Site) -> Iterator[Finding]:
    """A version that this program is tested with."""
    version = ".".join(str(part) for part in site.python)
    level = Level.OK if OLDEST <= site.python[:2] <= NEWEST else Level.WARNING
    remedy = "" if level is Level.OK else f"安装 64 位 Python {OLDEST[0]}.{OLDEST[1]} 至 {NEWEST[0]}.{NEWEST[1]}"
    meaning = "" if level is Level.OK else "没有在这个版本上测试过"
    yield Finding("python", "Python", level, f"{version}，{site.system}", meaning, remedy)


def packages(site: Site) -> Iterator[Finding]:
    """Every package that is needed is there."""
    missing = [name for name in NEEDED if site.installed(name) is None]
    if missing:
        names = "、".join(missing)
        yield Finding(
            "packages", "依赖", Level.FAILED, f"缺少 {names}", "运行到一半会出错", f"pip install {' '.join(missing)}"
        )
    else:
        yield Finding("packages", "依赖", Level.OK, f"bullet-trade {__version__}，依赖齐全")


def time_zone(site: Site) -> Iterator[Finding]:
    """Only told: exchange time is computed from UTC."""
    hours = site.offset.total_seconds() / 3600
    words = f"本机 UTC{hours:+g}"
    if site.offset == BEIJING_OFFSET:
        yield Finding("time_zone", "时区", Level.OK, words)
    elif site.broker == "qmt":
        yield Finding(
            "time_zone", "时区", Level.WARNING, words, "xtquant 按本机时区换算历史行情的时间", "把本机时区设为北京时间"
        )
    else:
        yield Finding("time_zone", "时区", Level.OK, f"{words}；交易时间按北京时间计算，不受影响")


def disk(site: Site) -> Iterator[Finding]:
    """Enough room for journal, state and log."""
    for place in dict.fromkeys(_existing(one) for one in (site.directory, site.log_dir)):
        free = site.free_bytes(place)
        words = f"{place} 所在磁盘剩余 {free / MEBIBYTE:,.0f} MB"
        if free < FULL:
            yield Finding("disk", "磁盘", Level.FAILED, words, "流水写不下时交易会停止", "清理磁盘，或换一个运行目录")
        elif free < TIGHT:
            yield Finding("disk", "磁盘", Level.WARNING, words, "可能撑不过几天", "清理磁盘")
        else:
            yield Finding("disk", "磁盘", Level.OK, words)


def _existing(place: Path) -> Path:
    place = place.expanduser().resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
