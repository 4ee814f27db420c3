"""Runs a server until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bullet_trade.engine.clock import Clock, WallClock
from bullet_trade.ops.settings import Settings
from bullet_trade.server import logs
from bullet_trade.server.compose import compose, configured_accounts
from bullet_trade.server.server import Server
from bullet_trade.server.settings import ServerSettings
from bullet_trade.store import runtime_dir

log = logging.getLogger("bullet_trade.server")


def run_server(
    mine: ServerSettings, settings: Settings, directory: Path, insecure: bool, clock: Clock | None = None
) -> None:
    """Serve until Ctrl+C or SIGTERM. Raises `UsageError` or `StateError` when it cannot start."""
    clock = clock or WallClock()
    directory = runtime_dir.prepare(directory)
    secrets = [mine.qmt_server_token.get_secret_value(), *_extra(mine), *_numbers(mine)]
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    handlers = logs.set_up(clock, mine.qmt_server_log_file, mine.qmt_server_access_log, secrets)
    try:
        held = runtime_dir.lock(directory, f"{clock.now():%Y-%m-%d %H:%M:%S}")
        try:
            server, warnings = compose(mine, settings, directory, clock, insecure)
            for warning in warnings:
                log.warning("安全提示：%s", warning)
            asyncio.run(_serve(server, mine))
        finally:
            held.release()
    finally:
        logs.take_down(handlers)


def _extra(mine: ServerSettings) -> list[str]:
    items = mine.qmt_server_tokens.get_secret_value().replace(";", ",").split(",")
    return [item.strip().partition(":")[0] for item in items]


def _numbers(mine: ServerSettings) -> list[str]:
    """Account numbers that are long enough not to occur by chance in every line."""
    return [one.account_id for one in configured_accounts(mine) if len(one.account_id) >= 6]


SWITCH_INTERVAL_S = 0.0005
"""How long a thread may compute before another one gets its turn; the usual 5 ms would hold every answer up when an
account or a query computes."""


async def _serve(server: Server, mine: ServerSettings) -> None:
    stopping = asyncio.Event()
    port = await server.start()
    for one in server.terms.directory.accounts:
        log.info("账户 %s（%s，%s）", one.key, one.masked_id, one.account_type)
    log.info("服务类型 %s，功能 %s", server.terms.backend_type, "、".join(server.terms.modules) or "无")
    log.info("监听 %s:%s%s", server.terms.host, port, "（TLS）" if server.terms.tls is not None else "")
    _on_signals(stopping.set)
    try:
        await stopping.wait()
        log.info("收到停止请求，正在关闭；未完成的委托保持原样")
    finally:
        await server.stop()
        log.info("服务已停止")


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, stop)
        except NotImplementedError:  # Windows' event loop has no signal handlers of its own
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop))
