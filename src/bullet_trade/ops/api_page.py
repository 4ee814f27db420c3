"""docs/api.md, made from the registry. ``python -m bullet_trade.ops.api_page docs/api.md`` writes it."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from bullet_trade.strategy import registry
from bullet_trade.strategy.registry import PROVIDER_REMEDY, Entry

TITLES = {
    "hook": "回调函数",
    "jqdata": "函数、类和默认可用的名字（`from jqdata import *`）",
    "context": "context",
    "context.run_params": "context.run_params",
    "portfolio": "context.portfolio",
    "subportfolio": "context.subportfolios[i]",
    "position": "持仓（positions[code]）",
    "order": "委托（order() 等函数的返回值）",
    "trade": "成交（get_trades() 的值）",
    "current_data": "get_current_data()[code]",
    "data": "handle_data 的 data[code]",
    "tick": "handle_tick 的 tick",
    "security_info": "get_security_info() 的返回值",
    "set_option": "set_option 的选项",
    "log": "log",
    "jqfactor": "jqfactor",
    "jqlib.technical_analysis": "jqlib.technical_analysis",
    "jqlib.optimizer": "jqlib.optimizer",
    "jqlib.alpha101": "jqlib.alpha101",
    "jqlib.alpha191": "jqlib.alpha191",
    "kuanke.wizard": "kuanke.wizard",
}

HEAD = f"""# 策略接口一览

本页由程序里的名录生成（`python -m bullet_trade.ops.api_page docs/api.md`），
`bullet-trade check 策略文件.py` 用的是同一份名录。

- **支持**：按聚宽文档的含义工作，差异写在说明里。
- **需要数据源**：需要行情以外的数据，{PROVIDER_REMEDY}。
- **不支持**：可以导入，调用时报错并说明改法。
"""

TOGETHER = frozenset({"jqlib.alpha101", "jqlib.alpha191"})
"""Modules whose many names share one note: one row."""


def api_page() -> str:
    """The page."""
    order = list(TITLES)
    ranked = sorted(registry.entries(), key=lambda entry: order.index(entry.owner))
    sections = (_section(owner, list(rows)) for owner, rows in groupby(ranked, key=lambda entry: entry.owner))
    return "\n".join((HEAD, *sections))


def _section(owner: str, entries: list[Entry]) -> str:
    rows = [f"## {TITLES[owner]}", "", "| 名字 | 状态 | 说明与差异 |", "|---|---|---|"]
    if owner in TOGETHER:
        first, last = entries[0], entries[-1]
        rows.append(f"| `{first.name}` 到 `{last.name}` | {first.status.value} | {first.note} |")
    else:
        rows += [f"| `{entry.name}` | {entry.status.value} | {entry.note} |" for entry in entries]
    return "\n".join((*rows, ""))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(api_page(), encoding="utf-8")
