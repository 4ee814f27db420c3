"""Checks of a remote server: reachable, token accepted, orders offered, its clock."""

from __future__ import annotations

from collections.abc import Iterator

from bullet_trade.domain.errors import BulletTradeError, UsageError
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import Site
from bullet_trade.remote import features
from bullet_trade.remote.errors import ErrorCode, FrameError, RemoteError
from bullet_trade.remote.line import LineError

APART_S = 2.0
"""Clocks may be this far apart: orders carry the server time until which they count."""


def server(site: Site) -> Iterator[Finding]:
    """Shake hands as the engine would."""
    title, where = "远程服务", f"{site.settings.qmt_server_host}:{site.settings.qmt_server_port}"
    asked = site.now()
    try:
        ack = site.greet(site.settings)
    except RemoteError as error:
        yield Finding("server", title, Level.OK, f"{where} 可以连接")
        yield _refused(error)
        return
    except LineError as error:
        remedy = error.remedy or (
            "检查 QMT_SERVER_HOST 和 QMT_SERVER_PORT；服务端已启动；服务端防火墙放行该端口，允许的地址里有本机"
        )
        yield Finding("server", title, Level.FAILED, error.text, "不能交易", remedy)
        return
    except (FrameError, UsageError) as error:
        yield Finding("server", title, Level.FAILED, error.text, "不能交易", error.remedy)
        return
    yield Finding("server", title, Level.OK, f"{where} 可以连接")
    yield Finding("token", "令牌", Level.OK, "已接受")
    if features.BROKER not in ack.features:
        remedy = "服务端启动时加 --enable-broker"
        yield Finding("server_broker", "远程交易", Level.FAILED, "服务端没有开放交易", "不能下单", remedy)
    if ack.server_time is None:
        yield Finding("clock", "时钟", Level.SKIPPED, "这个版本的服务端不报时间")
        return
    apart_s = (asked - ack.server_time).total_seconds()
    if abs(apart_s) > APART_S:
        words = f"本机比服务端{'快' if apart_s > 0 else '慢'} {abs(apart_s):.1f} 秒"
        yield Finding("clock", "时钟", Level.WARNING, words, "委托可能过期被拒，或任务错时", "校准两台机器的时间")
    else:
        yield Finding("clock", "时钟", Level.OK, f"与服务端相差 {abs(apart_s):.1f} 秒")


def _refused(error: BulletTradeError) -> Finding:
    if error.code == ErrorCode.AUTH_FAILED:
        remedy = "核对 QMT_SERVER_TOKEN 与服务端 --token（多次错误会被暂时拒绝，请过一分钟再试）"
        return Finding("token", "令牌", Level.FAILED, f"服务端不接受：{error.text}", "不能交易", remedy)
    return Finding(
        "token", "令牌", Level.FAILED, f"服务端拒绝 [{error.code}]：{error.text}", "不能交易", "看服务端日志"
    )
