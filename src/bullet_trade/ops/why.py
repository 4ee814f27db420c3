"""Why an order was placed as it was, and why none was: the chain of causes, told from the journal alone.

`explain` takes the records of one day. Where the security (or the number) has orders, refusals or calls that came to
nothing, each is told from the strategy's line to the last answer; where it has none, `why_not` looks for the cause.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from bullet_trade.ops import why_not, why_order
from bullet_trade.ops.why_record import Record, Story
from bullet_trade.store.journal import Row

AROUND = timedelta(seconds=90)
"""How far from the time asked for an order may lie to be meant."""


class Question(msgspec.Struct, frozen=True):
    """`code` a security, or '' with the `number` of an order; `at` the moment meant, None for the whole day."""

    code: str
    number: int
    day: str
    at: datetime | None


def explain(rows: Iterable[Row], question: Question) -> list[Story]:
    """What happened, oldest first; at least one story. `rows` may be the whole journal: the state before the day (the
    brake, the link, a running engine) follows from what came earlier."""
    records = [Record(row.seq, datetime.fromisoformat(row.at), row.kind, json.loads(row.body)) for row in rows]
    today = [record for record in records if f"{record.at:%Y-%m-%d}" == question.day]
    stories = why_order.stories(today, question.code, question.number)
    near = [story for story in stories if _meant(story, question.at)]
    if near or question.number:
        return near or [
            Story("no_such_order", f"#{question.number}", (f"{question.day} 没有编号 #{question.number} 的委托",))
        ]
    return [why_not.story(records, today, question.code, question.day, question.at), *_others(stories)]


def _meant(story: Story, at: datetime | None) -> bool:
    return at is None or (story.at is not None and abs(story.at - at) <= AROUND)


def _others(stories: Sequence[Story]) -> list[Story]:
    """What the security has at other times of the day, in a line each."""
    return [Story(story.verdict, f"当日另有：{story.title}", ()) for story in stories]
