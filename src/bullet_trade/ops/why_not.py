"""Why nothing was asked for: the cause is looked for from the outside in. Was the engine running, did the operator
hold it, was it connected, was a function due, did it fail, or did it run and not ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from bullet_trade.ops.why_record import Record, Story, asked, clock

BEFORE, AFTER = timedelta(seconds=90), timedelta(seconds=90)
"""The stretch of time that counts as "around" the moment asked for."""

BEGINS = frozenset({"start", "restart"})
HOLDS = {"pause": "paused", "halt": "halted"}


class Scene(NamedTuple):
    """What is looked at: all records up to the end of the stretch, and those within it."""

    before: Sequence[Record]
    within: Sequence[Record]
    code: str
    day: str
    at: datetime | None


Found = tuple[str, str, tuple[str, ...]]
"""Verdict, title, lines."""


def story(records: Sequence[Record], today: Sequence[Record], code: str, day: str, at: datetime | None) -> Story:
    """The first cause that holds, with what the journal says about it."""
    first = at - BEFORE if at is not None else datetime.combine(datetime.fromisoformat(day), time())
    last = at + AFTER if at is not None else first + timedelta(days=1)
    scene = Scene(
        [one for one in records if one.at <= last], [one for one in today if first <= one.at <= last], code, day, at
    )
    for look in (_not_running, _held, _not_connected, _failed, _missed, _did_not_ask, _not_due):
        found = look(scene)
        if found is not None:
            verdict, title, lines = found
            moment = f"{day} {at:%H:%M}" if at is not None else day
            return Story(verdict, f"{moment} 没有 {code} 的委托：{title}", lines, at)
    return Story("unknown_cause", f"没有 {code} 的委托，流水里看不出原因", ())


def _not_running(scene: Scene) -> Found | None:
    if scene.within and scene.at is None:
        return None
    running: Record | None = None
    ended: Record | None = None
    for record in scene.before:
        if scene.at is not None and record.at > scene.at:
            break
        if record.kind in BEGINS:
            running, ended = record, None
        elif record.kind == "stop":
            running, ended = None, record
    if running is None:
        since = f"{ended.at:%m-%d %H:%M:%S} 停止：{ended.text('reason')}" if ended is not None else "在此之前没有启动过"
        return "not_running", f"引擎没有运行（{since}）", ()
    if scene.at is not None and not scene.within and not _alive_around(scene):
        return "not_running", f"引擎没有运行（{running.at:%m-%d %H:%M} 启动，之后的记录中断了）", ()
    return None


def _alive_around(scene: Scene) -> bool:
    """Whether records exist on the same day before the moment: without a stop after them the engine was alive."""
    return any(f"{record.at:%Y-%m-%d}" == scene.day for record in scene.before)


def _held(scene: Scene) -> Found | None:
    held: Record | None = None
    for record in scene.before:
        if record.kind != "operator" or (scene.at is not None and record.at > scene.at):
            continue
        command = record.text("command")
        if command in HOLDS:
            held = record
        elif command == "resume":
            held = None
    if held is None:
        return None
    who = held.part("who")
    word = {"pause": "策略被暂停", "halt": "急停有效"}[held.text("command")]
    line = f"{held.at:%m-%d %H:%M:%S} {who.get('user', '')} 执行 {held.text('command')} {held.text('why')}".rstrip()
    return HOLDS[held.text("command")], word, (line, "恢复用 bullet-trade resume")


def _not_connected(scene: Scene) -> Found | None:
    down: Record | None = None
    for record in scene.before:
        if record.kind != "link" or (scene.at is not None and record.at > scene.at):
            continue
        down = record if record.body.get("up") is False else None
    if down is None:
        return None
    return "not_connected", "没有连上券商", (f"{clock(down.at)} 连接断开：{down.text('reason')}",)


def _failed(scene: Scene) -> Found | None:
    lines = [
        f"{clock(one.at)} {one.text('callback')}（{one.text('where')}）：{one.text('error')}"
        for one in scene.within
        if one.kind == "callback_failed"
    ]
    return ("callback_failed", "策略函数出错，没有走到下单", tuple(lines)) if lines else None


def _missed(scene: Scene) -> Found | None:
    missed = [one for one in scene.before if one.kind == "task_missed" and one.text("due").startswith(scene.day)]
    lines = [
        f"{one.text('task')} 应于 {one.text('due')[11:19]} 执行，错过 {one.number('times')} 次（{clock(one.at)} 发现）"
        for one in missed
        if scene.at is None or abs(datetime.fromisoformat(one.text("due")) - scene.at) <= AFTER
    ]
    return ("task_missed", "应执行的函数错过了", tuple(lines)) if lines else None


def _did_not_ask(scene: Scene) -> Found | None:
    names = [f"{clock(one.at)} {one.text('name')} 运行" for one in scene.within if one.kind == "callback"]
    every_minute = [label for label, due in _plan(scene) if due == "every_minute"] if scene.at is not None else []
    names += [f"{label} 每分钟运行" for label in every_minute]
    if not names:
        return None
    others = tuple(
        f"{clock(one.at)} 对 {one.text('code')}：{asked(one)}"
        for one in scene.within
        if one.kind in ("intent", "refused", "no_order")
    )
    told = (*names, *(("同一时间它要求的是：", *others) if others else ("它没有要求任何委托",)))
    return "not_asked", "策略函数运行了，没有对它调用下单函数", told


def _not_due(scene: Scene) -> Found:
    planned = [(label, due) for label, due in _plan(scene) if due]
    lines = tuple(f"{label} 计划于 {due[11:19] if 'T' in due else due}" for label, due in planned)
    return "task_not_due", "这时没有到点的函数", lines or ("当天没有计划任何定时函数",)


def _plan(scene: Scene) -> Iterator[tuple[str, str]]:
    """What the day's last plan says: label, and its moment or ``every_minute``."""
    plans = [one for one in scene.before if one.kind == "plan" and one.text("day") == scene.day]
    tasks = plans[-1].body.get("tasks") if plans else []
    for task in tasks if isinstance(tasks, list) else []:
        label, due = task
        yield str(label), str(due)
