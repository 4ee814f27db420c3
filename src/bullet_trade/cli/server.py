"""`bullet-trade server`: offer an account and quotes to strategies on other machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bullet_trade.cli.options import EnvFile


def server(
    server_type: Annotated[
        str | None, typer.Option(help="qmt 或 simulator，例如 simulator（默认取 QMT_SERVER_TYPE，qmt）")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="监听地址，例如 127.0.0.1（默认取 QMT_SERVER_LISTEN，0.0.0.0）")
    ] = None,
    port: Annotated[int | None, typer.Option(help="端口，例如 58621（默认取 QMT_SERVER_PORT，58620）")] = None,
    token: Annotated[
        str | None, typer.Option(help="令牌，至少 16 个字符，例如 一串随机字符（默认取 QMT_SERVER_TOKEN）")
    ] = None,
    enable_data: Annotated[bool | None, typer.Option("--enable-data/--disable-data", help="行情服务（默认开）")] = None,
    enable_broker: Annotated[
        bool | None, typer.Option("--enable-broker/--disable-broker", help="交易服务（默认开）")
    ] = None,
    accounts: Annotated[str | None, typer.Option(help="账户，例如 main=123456:stock，多个用逗号分隔")] = None,
    sub_accounts: Annotated[str | None, typer.Option(help="子账户，例如 demo@main:cash=100000:daily=50000")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="TLS 证书（PEM），例如 server.crt")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="TLS 私钥（PEM），例如 server.key")] = None,
    make_cert: Annotated[
        Path | None, typer.Option(help="在这个目录生成自签名证书 server.crt 和 server.key，然后退出；例如 certs")
    ] = None,
    cert_hosts: Annotated[
        str, typer.Option(help="写进证书的主机名或地址，逗号分隔，例如 qmt.lan,10.0.0.5；客户端用哪个连接就写哪个")
    ] = "localhost,127.0.0.1",
    allowlist: Annotated[str | None, typer.Option(help="允许连接的地址或网段，逗号分隔，例如 10.0.0.0/24")] = None,
    max_connections: Annotated[int | None, typer.Option(help="最多会话数，例如 16（默认 64）")] = None,
    max_subscriptions: Annotated[int | None, typer.Option(help="每个会话最多订阅数，例如 500（默认 200）")] = None,
    log_file: Annotated[Path | None, typer.Option(help="日志文件，例如 logs/server.log")] = None,
    access_log: Annotated[
        bool | None, typer.Option("--access-log/--no-access-log", help="每个请求记一行（默认开）")
    ] = None,
    log_account: Annotated[
        bool | None, typer.Option("--log-account-overview/--no-log-account-overview", help="账户概览写入日志")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="simulator 的行情：数据目录，例如 data，或 synthetic、synthetic:7（种子）")
    ] = None,
    runtime_dir: Annotated[
        Path | None, typer.Option(help="运行目录，例如 runtime（默认取 RUNTIME_DIR；文件写在其下 server 目录）")
    ] = None,
    env_file: EnvFile = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="公网地址也允许短令牌（危险）")] = False,
) -> None:
    """启动远程服务。

    例：bullet-trade server --listen 0.0.0.0 --port 58620 --token 令牌 --accounts main=123456:stock
    """
    from bullet_trade.engine.clock import WallClock
    from bullet_trade.ops.settings import load_settings
    from bullet_trade.server.run import run_server
    from bullet_trade.server.settings import load_server_settings
    from bullet_trade.server.tls import make_certificate

    if make_cert is not None:
        hosts = [host.strip() for host in cert_hosts.split(",") if host.strip()]
        cert, key = make_certificate(make_cert, hosts, WallClock().now())
        typer.echo(
            f"证书 {cert}\n私钥 {key}\n服务端用 --tls-cert 和 --tls-key 启用；客户端把证书路径写进 QMT_SERVER_TLS_CERT"
        )
        return
    flags: dict[str, object] = {
        "qmt_server_type": server_type,
        "qmt_server_listen": listen,
        "qmt_server_port": port,
        "qmt_server_token": token,
        "qmt_server_enable_data": enable_data,
        "qmt_server_enable_broker": enable_broker,
        "qmt_server_accounts": accounts,
        "qmt_server_sub_accounts": sub_accounts,
        "qmt_server_tls_cert": tls_cert,
        "qmt_server_tls_key": tls_key,
        "qmt_server_allowlist": allowlist,
        "qmt_server_max_connections": max_connections,
        "qmt_server_max_subscriptions": max_subscriptions,
        "qmt_server_log_file": log_file,
        "qmt_server_access_log": access_log,
        "qmt_server_log_account": log_account,
        "qmt_server_data": data,
    }
    settings = load_settings(env_file)
    run_server(
        load_server_settings(env_file, flags), settings, (runtime_dir or settings.runtime_dir) / "server", insecure
    )
