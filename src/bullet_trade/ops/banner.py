"""What a run says about itself before it begins."""

from __future__ import annotations

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bullet_trade import __version__
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.ops.compose import Run
from bullet_trade.ops.confirm import REAL_MONEY
from bullet_trade.ops.risk_settings import limit_texts
from bullet_trade.ops.run_request import LIVE, RunRequest
from bullet_trade.ops.settings import Settings


def banner(run: Run, request: RunRequest, settings: Settings) -> Panel:
    """Strategy, broker, clock, data, limits, directories."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("策略", str(request.strategy))
    begins = f"  初始资金 {settings.simulator_initial_cash:,.2f} 元" if request.broker == "simulator" else ""
    rows.add_row("券商", f"{run.session.parts.broker.label}{begins}")
    rows.add_row("时钟", _clock(run, request))
    data = Text(run.data.label)
    if run.data.synthetic:
        data.append("  价格为程序生成，不是真实市场", style="yellow")
    rows.add_row("行情", data)
    rows.add_row("日历", f"{run.calendar.source}，已知到 {run.calendar.last}")
    protection = f"{settings.market_buy_price_percent:+.1%}/{settings.market_sell_price_percent:+.1%}"
    rows.add_row("下单", f"最多等待 {run.session.engine.terms.order_wait_s:g} 秒  市价保护 {protection}")
    rows.add_row("风控", _limits(run.session.parts.limits, run.days is not None))
    if request.replay is None:
        rows.add_row("模式", _mode(settings, request.broker))
    if request.drill:
        rows.add_row("演练", Text(f"{request.drill}：故障由程序注入", style="yellow"))
    rows.add_row("目录", str(run.directory))
    return Panel(rows, title=f"bullet-trade {__version__}", title_align="left", border_style="cyan")


def _limits(limits: RiskLimits, replaying: bool) -> str:
    without = "回放不套用限额（--risk 套用）" if replaying else "限额全部关闭"
    return "；".join(limit_texts(limits) or ["交易规则、资金、可卖数量检查", without])


def _mode(settings: Settings, broker: str) -> Text:
    if settings.live_mode == LIVE:
        return Text("live  委托会发往券商" if broker in REAL_MONEY else "模拟账户，不用真钱")
    filled = "按实时行情在纸面成交" if settings.dry_run_fill else "停在券商之前（DRY_RUN_FILL=true 可在纸面成交）"
    return Text(f"dry_run  委托{filled}；状态另存，与 live 互不影响", style="bold yellow")


def _clock(run: Run, request: RunRequest) -> str:
    if run.days is None:
        return f"实时  现在 {run.clock.now():%Y-%m-%d %H:%M:%S} 北京时间"
    speed = "最快" if request.speed is None else f"{request.speed:g} 倍速"
    return f"回放 {run.days.first} 到 {run.days.last}  {speed}"
