"""The chains that exist: orders from the strategy's line to the last answer, refusals, calls that came to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bullet_trade.domain.orders import OrderType
from bullet_trade.ops.why_record import Record, Story, amount_of_money, asked, clock, yuan

SIDES = {"BUY": "买入", "SELL": "卖出", "1": "买入", "-1": "卖出"}


def stories(today: Sequence[Record], code: str, number: int) -> list[Story]:
    """All of the security's chains of the day, or those of one order number (the parts of a split order too)."""
    told = [*_orders(today, code, number), *_refusals(today, code, number), *_nothing(today, code, number)]
    return sorted(told, key=lambda story: story.at or today[0].at)


def _orders(today: Sequence[Record], code: str, number: int) -> Iterator[Story]:
    for intent in today:
        if intent.kind != "intent":
            continue
        numbers = (intent.number("order_id"), intent.number("parent_id"))
        if (number in numbers) if number else intent.text("code") == code:
            yield _order(intent, today)


def _order(intent: Record, today: Sequence[Record]) -> Story:
    tag, number = intent.text("tag"), intent.number("order_id")
    lines = [*_callback(intent, today), f"{clock(intent.at)} {asked(intent) or '（没有记录是谁要求的）'}"]
    lines += _sizing(intent)
    lines.append(f"{clock(intent.at)} 写入流水第 {intent.seq} 条，交给券商（标记 {tag}）")
    verdict, outcome, filled = "sent", "已发出，还没有回报", 0
    for record in today:
        if record.seq <= intent.seq:
            continue
        if record.kind == "cancel" and record.text("tag") == tag:
            lines.append(f"{clock(record.at)} 要求撤单")
        elif record.kind == "report" and record.text("tag") == tag:
            filled += record.number("amount") if record.text("type") == "Filled" else 0
            verdict, outcome, line = _REPORTS.get(record.text("type"), _other)(record, filled, intent.number("amount"))
            lines.append(f"{clock(record.at)} {line}（{(record.at - intent.at).total_seconds():.3g} 秒后）")
        elif record.kind == "report_ignored" and record.number("order_id") == number:
            lines.append(f"{clock(record.at)} 回报未采用：{record.text('text')}")
    side = SIDES.get(intent.text("side"), "")
    title = f"#{number} {side} {intent.text('code')} {intent.number('amount')}股：{outcome}"
    return Story(verdict, title, tuple(lines), intent.at)


def _sizing(intent: Record) -> Iterator[str]:
    at = clock(intent.at)
    market = intent.text("type") == OrderType.MARKET.value
    limit = yuan(intent.number("limit"))
    terms = f"市价，保护价 {limit}" if market else f"限价 {limit}"
    frozen = f"，预留 {amount_of_money(intent.number('cash'))} 元" if intent.number("cash") else ""
    wanted = f"要 {intent.number('wanted')} 股，下 {intent.number('amount')} 股"
    yield f"{at} 参考价 {yuan(intent.number('reference'))}；{wanted}；{terms}{frozen}"
    changes = intent.body.get("adjustments")
    for change in changes if isinstance(changes, list) else []:
        yield f"{at} 调整：{change}"


def _callback(record: Record, today: Sequence[Record]) -> Iterator[str]:
    """The callback in which it happened, when the journal names one that was still running."""
    running: Record | None = None
    for earlier in today:
        if earlier.seq >= record.seq:
            break
        if earlier.kind == "callback":
            running = earlier
        elif earlier.kind == "callback_end":
            running = None
    if running is not None:
        yield f"{clock(running.at)} 回调 {running.text('name')} 开始"


Told = tuple[str, str, str]
"""Verdict, outcome for the title, line."""


def _accepted(record: Record, filled: int, whole: int) -> Told:
    return "working", "已报，未完成", f"券商接受，编号 {record.text('broker_id')}"


def _filled(record: Record, filled: int, whole: int) -> Told:
    line = f"成交 {record.number('amount')} 股，价格 {yuan(record.number('price'))}，成交编号 {record.text('trade_id')}"
    done = filled >= whole
    return ("filled", "全部成交", line) if done else ("part_filled", f"部分成交 {filled} 股", line)


def _rejected(record: Record, filled: int, whole: int) -> Told:
    reason = record.text("reason")
    return "rejected", f"被券商拒绝：{reason}", f"券商拒绝：{reason}"


def _cancelled(record: Record, filled: int, whole: int) -> Told:
    part = f"已成交 {filled} 股，其余" if filled else ""
    return "cancelled", f"{part}撤单：{record.text('reason')}", f"撤单：{record.text('reason')}"


def _no_answer(record: Record, filled: int, whole: int) -> Told:
    return (
        "unknown",
        f"结果未知：{record.text('reason')}",
        f"没有回音：{record.text('reason')}，结果未知，占用的资金不释放",
    )


def _never_sent(record: Record, filled: int, whole: int) -> Told:
    reason = record.text("reason")
    return ("dry_run" if reason.startswith("dry_run") else "not_sent"), f"没有到券商：{reason}", f"没有到券商：{reason}"


def _cancel_refused(record: Record, filled: int, whole: int) -> Told:
    return "working", "撤单被拒，委托还在", f"撤单被拒：{record.text('reason')}"


def _other(record: Record, filled: int, whole: int) -> Told:
    return "working", "未完成", f"回报 {record.text('type')}"


_REPORTS: dict[str, Callable[[Record, int, int], Told]] = {
    "Accepted": _accepted,
    "Filled": _filled,
    "Rejected": _rejected,
    "Cancelled": _cancelled,
    "CancelRefused": _cancel_refused,
    "NoAnswer": _no_answer,
    "NeverSent": _never_sent,
}


def _refusals(today: Sequence[Record], code: str, number: int) -> Iterator[Story]:
    for record in today:
        if number or record.kind != "refused" or record.text("code") != code:
            continue
        side, amount = SIDES.get(record.text("side"), ""), record.number("amount")
        rule, reason = record.text("rule"), record.text("text")
        lines = (
            *_callback(record, today),
            f"{clock(record.at)} {asked(record) or '（没有记录是谁要求的）'}",
            f"{clock(record.at)} 没有发出：{reason}",
        )
        yield Story(rule, f"拒单 {side} {code} {amount}股 [{rule}]", lines, record.at)


def _nothing(today: Sequence[Record], code: str, number: int) -> Iterator[Story]:
    for record in today:
        if number or record.kind != "no_order" or record.text("code") != code:
            continue
        reason = record.text("text")
        verdict = "zero_amount" if reason == "委托数量为 0" else "open_order"
        lines = (*_callback(record, today), f"{clock(record.at)} {asked(record)}", f"{clock(record.at)} {reason}")
        yield Story(verdict, f"没有下单 {code}：{reason}", lines, record.at)
