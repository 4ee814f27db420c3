"""The table of docs/risk.md, made from the rules. ``python -m bullet_trade.ops.risk_page docs/risk.md`` renews it."""

from __future__ import annotations

import sys
from pathlib import Path

from bullet_trade.domain.orders import Side
from bullet_trade.engine.risk_rules import CANCEL_RULES, ORDER_RULES
from bullet_trade.ops.risk_settings import SHOWN, risk_limits, value_text
from bullet_trade.ops.settings import Settings

BEGIN, END = "<!-- 限额表 -->\n", "<!-- 限额表完 -->\n"

RATES = {
    "max_order_rate": "任意一秒内的委托 + 撤单笔数；超出的排队等待，不拒绝，撤单优先",
    "daily_message_warning": "当日委托 + 撤单笔数达到时提醒一次，不拦截",
}


def limits_table() -> str:
    """The table in Markdown, with the defaults of the program."""
    defaults = risk_limits(Settings.model_construct())
    rows = ["| 变量（小写即错误码） | 含义 | 默认 | 买入 | 卖出 | 撤单 | 怎么算 |", "|---|---|---|---|---|---|---|"]
    for order in ORDER_RULES:
        sides = ["✓" if side in order.sides else "" for side in (Side.BUY, Side.SELL)]
        rows.append(_row(order.name, value_text(defaults, order.name), [*sides, ""], order.counted))
    rows += [_row(rule.name, value_text(defaults, rule.name), ["", "", "✓"], rule.counted) for rule in CANCEL_RULES]
    rows += [_row(name, value_text(defaults, name), ["✓", "✓", "✓"], counted) for name, counted in RATES.items()]
    return "\n".join((*rows, ""))


def _row(name: str, default: str, applies: list[str], counted: str) -> str:
    return "| " + " | ".join((f"`{name.upper()}`", SHOWN[name].title, default, *applies, counted)) + " |"


def renewed(page: str) -> str:
    """The page with the table of now."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + limits_table() + END + rest.split(END)[1]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
