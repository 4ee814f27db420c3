"""Drills (风控演练): what shall go wrong, when, and how often. Pure; `faults` and `market_faults` inject it.

A drill is a TOML file or one of `NAMED`. Everything that is drawn is drawn from `seed`, so a drill repeats itself.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time
from pathlib import Path
from random import Random
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bullet_trade.domain.errors import UsageError

Chance = Annotated[float, Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, Meta(ge=0.0, le=14_400.0)]
Share = Annotated[float, Meta(gt=0.0, lt=1.0)]


class OrderFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Meets orders sent in [`at`, `until`), of `code` ('': any), each with `chance`."""

    at: time = time(0, 0)
    until: time = time(23, 59, 59)
    code: str = ""
    chance: Chance = 1.0

    def meets(self, code: str, now: datetime, draw: Random) -> bool:
        """Whether it meets an order of `code` sent now."""
        if not self.at <= now.time() < self.until or self.code not in {"", code}:
            return False
        return self.chance >= 1.0 or draw.random() < self.chance


class Reject(OrderFault, frozen=True, tag="reject"):
    """The counter refuses the order."""

    reason: str = "演练：柜台拒绝"


class Partial(OrderFault, frozen=True, tag="partial"):
    """For a minute the market has shares for only `share` of the order."""

    share: Share = 0.4


class Delay(OrderFault, frozen=True, tag="delay"):
    """All reports about the order come `seconds` late."""

    seconds: Seconds = 5.0


class Duplicate(OrderFault, frozen=True, tag="duplicate"):
    """Every report about the order comes again after `seconds`."""

    seconds: Seconds = 1.0


class Reorder(OrderFault, frozen=True, tag="reorder"):
    """The reports of `seconds` are held and come in another order."""

    seconds: Seconds = 2.0


class LostAck(OrderFault, frozen=True, tag="lost_ack"):
    """No answer at all: the adapter gives up after `answer_s`; the order lives on, and its reports are pushed again
    `found_s` after it was sent (0: never)."""

    answer_s: Seconds = 10.0
    found_s: Seconds = 60.0


class Moment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Happens at `at` of each day (each code) with `chance`; `random` draws the moment from the session instead."""

    at: time = time(10, 0)
    random: bool = False
    chance: Chance = 1.0

    def moment(self, day: date, seed: str) -> datetime | None:
        """When it happens on `day`; None when it does not. The same `seed` gives the same answer."""
        draw = Random(f"{seed}:{day}")
        if draw.random() >= self.chance:
            return None
        if not self.random:
            return datetime.combine(day, self.at)
        minute = draw.randrange(240)
        offset = minute if minute < 120 else minute + 90
        hour, rest = divmod(9 * 60 + 30 + offset, 60)
        return datetime(day.year, day.month, day.day, hour, rest, draw.randrange(60))


class Disconnect(Moment, frozen=True, tag="disconnect"):
    """The connection is lost for `seconds`; then the day's reports are pushed again, as terminals do."""

    seconds: Seconds = 60.0


class MarketFault(Moment, frozen=True):
    """Changes the trading of `code` ('': every security) for `minutes`. Its daily bars stay as they are."""

    code: str = ""
    minutes: Annotated[int, Meta(ge=1, le=240)] = 30


class LimitLock(MarketFault, frozen=True, tag="limit_lock"):
    """The price stands at a daily limit."""

    side: Literal["up", "down"] = "up"


class FlashCrash(MarketFault, frozen=True, tag="flash_crash"):
    """The price falls by `depth` and comes back, in a straight line each, never past the daily limits."""

    depth: Share = 0.08
    minutes: Annotated[int, Meta(ge=1, le=240)] = 6


class Suspend(MarketFault, frozen=True, tag="suspend"):
    """Nothing trades."""


Fault = Reject | Partial | Delay | Duplicate | Reorder | LostAck | Disconnect | LimitLock | FlashCrash | Suspend


class Drill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario. `description` is a Chinese line for people."""

    name: str = ""
    description: str = ""
    seed: int = 1
    fault: tuple[Fault, ...] = ()


NAMED: dict[str, Drill] = {
    drill.name: drill
    for drill in (
        Drill(name="reject", description="柜台随机拒单（三成）", fault=(Reject(chance=0.3),)),
        Drill(name="partial", description="每笔委托先只成交四成", fault=(Partial(),)),
        Drill(name="delay", description="所有回报晚到 5 秒", fault=(Delay(),)),
        Drill(name="duplicate", description="每条回报都重复一次", fault=(Duplicate(),)),
        Drill(name="reorder", description="回报乱序到达", fault=(Reorder(),)),
        Drill(name="lost_ack", description="报单没有任何应答，一分钟后才查到（三成）", fault=(LostAck(chance=0.3),)),
        Drill(
            name="disconnect",
            description="10:00 起断线 60 秒，恢复后重推当日全部回报；下午随机再断一次",
            fault=(Disconnect(), Disconnect(random=True, chance=0.7, seconds=20.0)),
        ),
        Drill(name="limit_up", description="10:00 起全部证券封涨停 30 分钟", fault=(LimitLock(),)),
        Drill(name="limit_down", description="10:00 起全部证券封跌停 30 分钟", fault=(LimitLock(side="down"),)),
        Drill(name="flash_crash", description="10:00 闪崩 8%，随后恢复", fault=(FlashCrash(),)),
        Drill(name="suspension", description="10:00 起盘中停牌 30 分钟", fault=(Suspend(),)),
        Drill(
            name="storm",
            description="以上全部随机混合",
            fault=(
                Reject(chance=0.1),
                LostAck(chance=0.1),
                Partial(chance=0.3),
                Delay(chance=0.3),
                Duplicate(chance=0.3),
                Reorder(chance=0.3),
                Disconnect(random=True, chance=0.5, seconds=30.0),
                FlashCrash(random=True, chance=0.2),
                Suspend(random=True, chance=0.2, minutes=10),
                LimitLock(random=True, chance=0.2, minutes=10),
            ),
        ),
    )
}
"""The drills that come with the program."""


def load_drill(name_or_path: str) -> Drill:
    """A named drill, or the one in a TOML file. Raises `UsageError` naming the entry that cannot be used."""
    named = NAMED.get(name_or_path)
    if named is not None:
        return named
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise UsageError(
            f"没有名为 {name_or_path!r} 的演练，也没有这个文件", f"可用的演练：{'、'.join(NAMED)}，或给出 TOML 文件路径"
        )
    try:
        return parse_drill(path.read_text(encoding="utf-8"), path.stem)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"演练文件 {path} 无法读取：{error}", "检查权限，并用 UTF-8 保存") from error


def parse_drill(text: str, name: str) -> Drill:
    """The drill that a TOML text describes; `name` where it names none. Raises `UsageError`."""
    try:
        content = tomllib.loads(text)
        drill = msgspec.convert(_with_plain_times(content), type=Drill)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"演练文件 {name} 有错：{error}", "按 docs/simulator.md 的格式改正") from error
    return drill if drill.name else msgspec.structs.replace(drill, name=name)


def _with_plain_times(content: dict[str, object]) -> dict[str, object]:
    """Times may be written 10:00:00 (TOML's own form) or "10:00"."""
    faults = content.get("fault")
    if not isinstance(faults, list):
        return content
    return {**content, "fault": [_plain(fault) if isinstance(fault, dict) else fault for fault in faults]}


def _plain(fault: dict[str, object]) -> dict[str, object]:
    return {
        key: f"{value}:00" if key in {"at", "until"} and isinstance(value, str) and value.count(":") == 1 else value
        for key, value in fault.items()
    }
