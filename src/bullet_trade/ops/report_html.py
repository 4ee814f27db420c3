"""The report of a run as one HTML file that opens offline: figures, charts, months, trades.

The same run gives the same bytes: no clock, no random id. The page forbids itself any network access.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.performance import Performance
from bullet_trade.ops.report_figures import Figure, FigureGroup, definitions, groups, headline
from bullet_trade.ops.report_tables import months_table, notable_table, trades_frame, trades_json
from bullet_trade.ops.report_text import SYNTHETIC_NOTICE, day, yuan
from bullet_trade.ops.result import RunResult
from bullet_trade.store.files import write_atomically

_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
_WINDOWS = (("全部", 0), ("近一年", 365), ("近三月", 91), ("近一月", 30))
"""Buttons over the charts: name, calendar days back from the last session (0: all)."""


def write_report(
    result: RunResult, performance: Performance, path: Path, sections: Sequence[str] = (), notes: Sequence[str] = ()
) -> None:
    """Write the page to `path` (UTF-8) in one step: a reader sees the old file or the new one, never a half.

    `sections` (HTML) stand before the trades, `notes` (text) at the end. Missing directories are made. Raises
    `UsageError` where the place cannot be written.
    """
    write_page(_page(result, performance, sections, notes), path)


def write_page(page: str, path: Path) -> None:
    """Write a page as `write_report` does. Raises `UsageError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page.encode("utf-8"), durable=False)
    except OSError as error:
        raise UsageError(f"报告无法写入 {path}：{error}", "请检查目录权限与磁盘空间，或换一个路径") from error


def _page(result: RunResult, figures: Performance, sections: Sequence[str], notes: Sequence[str]) -> str:
    body = [_facts(result, figures), _headline(figures), _groups(groups(figures))]
    if _has_charts(result):
        body.append(_charts(result))
    if result.days:
        body.append(card("月度收益", months_table(figures)))
    else:
        body.append('<section class="card"><p class="empty">本次运行没有完成任何交易日。</p></section>')
    body += [_notable(figures), *sections, _trades(result), _notes([*definitions(result, figures), *notes])]
    return document(f"{result.strategy} 运行报告", body, result.synthetic, _scripts(result))


def document(title: str, body: Sequence[str], synthetic: bool, scripts: str = "") -> str:
    """A page of its own with the report's looks, of parts in HTML; `title` is text."""
    notice = f'<div class="synthetic">{SYNTHETIC_NOTICE}</div>' if synthetic else ""
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>\n{_asset('report_page.css')}</style>\n</head>\n"
        f"<body>\n{notice}\n<main>\n{chr(10).join(body)}\n</main>\n{scripts}\n</body>\n</html>\n"
    )


def _facts(result: RunResult, figures: Performance) -> str:
    facts = [
        ("区间", f"{day(result.days[0].day)} 至 {day(result.days[-1].day)}" if result.days else day(None)),
        ("交易日", f"{figures.sessions:,}"),
        ("期初资产", f"{yuan(result.starting_cash)} 元"),
        ("基准", result.benchmark or "无"),
        ("交易通道", result.broker),
        ("行情", result.data),
    ]
    items = "".join(f"<span>{label} <b>{escape(value)}</b></span>" for label, value in facts)
    return f'<header><h1>{escape(result.strategy)}</h1><div class="facts">{items}</div></header>'


def _headline(figures: Performance) -> str:
    return f'<dl class="card headline">{"".join(_figure(item) for item in headline(figures))}</dl>'


def _groups(shown: list[FigureGroup]) -> str:
    parts = (
        f"<div><h3>{group.title}</h3><dl>{''.join(_figure(item) for item in group.figures)}</dl></div>"
        for group in shown
    )
    return f'<section class="card groups">{"".join(parts)}</section>'


def _figure(item: Figure) -> str:
    detail = f"<small>{item.detail}</small>" if item.detail else ""
    return f'<div><dt>{item.label}</dt><dd class="{item.tone}">{item.value}{detail}</dd></div>'


def _has_charts(result: RunResult) -> bool:
    return len(result.days) > 1  # one point makes no curve


def _charts(result: RunResult) -> str:
    from bullet_trade.ops.report_charts import DAY_MS, TARGET_ID, time_span

    first, last = time_span(result)
    buttons = "".join(
        f'<button type="button" class="{"" if days else "on"}" data-days="{days}" data-first="{first}"'
        f' data-last="{last}">{name}</button>'
        for name, days in _WINDOWS
        if days * DAY_MS < last - first
    )
    return (
        '<section class="card"><div class="bar"><h2>累计收益</h2>'
        '<span class="hint">横向拖动放大，点「全部」还原</span>'
        f'<div class="end">{buttons}</div></div><div id="{TARGET_ID}"></div></section>'
    )


def _notable(figures: Performance) -> str:
    if not figures.sales:
        return ""
    best = card("盈利最多的卖出", notable_table(figures.best_trades))
    worst = card("亏损最多的卖出", notable_table(figures.worst_trades))
    return f'<div class="pair">{best}{worst}</div>'


def _trades(result: RunResult) -> str:
    if not result.trades:
        return card("成交", '<p class="empty">本次运行没有成交。</p>')
    return (
        '<section class="card"><div class="bar"><h2>成交</h2>'
        '<input type="search" id="search" placeholder="日期、代码、名称、方向" aria-label="查找成交">'
        '<div class="end"><span class="hint" id="position"></span>'
        '<button type="button" id="previous">上一页</button>'
        '<button type="button" id="next">下一页</button></div></div>'
        f"{trades_frame()}</section>"
    )


def _notes(notes: Sequence[str]) -> str:
    return f'<ul class="notes">{"".join(f"<li>{note}</li>" for note in notes)}</ul>'


def _scripts(result: RunResult) -> str:
    parts = []
    if _has_charts(result):
        from bokeh.resources import Resources

        from bullet_trade.ops.report_charts import charts_json

        parts = [
            Resources(mode="inline", components=["bokeh"]).render_js(),
            _data("charts-data", charts_json(result)),
        ]
    if result.trades:
        parts.append(_data("trades-data", trades_json(result.trades)))
    return "\n".join([*parts, f"<script>\n{_asset('report_page.js')}</script>"])


def _data(name: str, text: str) -> str:
    # `<` only occurs inside JSON strings; escaped there, no name can close the element or open a comment.
    return f'<script type="application/json" id="{name}">{text.replace("<", chr(92) + "u003c")}</script>'


def card(title: str, content: str) -> str:
    """A section of the page; `content` in HTML."""
    return f'<section class="card"><h2>{title}</h2>{content}</section>'


def _asset(name: str) -> str:
    return files("bullet_trade.ops").joinpath(name).read_text(encoding="utf-8")
