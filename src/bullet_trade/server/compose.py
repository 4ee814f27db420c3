"""Plugs a server together: settings in, a server ready to start out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import Clock
from bullet_trade.engine.risk_limits import RiskLimits
from bullet_trade.ops.risk_settings import limit_text, risk_limits
from bullet_trade.ops.settings import Settings
from bullet_trade.server import tls
from bullet_trade.server.access import check_token, parse_allowlist, parse_tokens
from bullet_trade.server.accounts import DEFAULT, AccountSpec, Directory, SubAccount, parse_accounts, parse_sub_accounts
from bullet_trade.server.audit import AuditTrail
from bullet_trade.server.desk import Desk, DeskTerms, Publish
from bullet_trade.server.history_desk import HistoryDesk
from bullet_trade.server.order_risk import ACCOUNT_AGE_S, ENFORCED, OrderRisk
from bullet_trade.server.owner import Owner
from bullet_trade.server.quote_desk import QuoteDesk
from bullet_trade.server.server import Server, ServerTerms
from bullet_trade.server.settings import ServerSettings
from bullet_trade.server.submission_file import SubmissionFile, file_name
from bullet_trade.server.venue import Setting, Venue
from bullet_trade.server.venues import open_venue

log = logging.getLogger("bullet_trade.server")

AUDIT_FILE = "audit.jsonl"


def compose(
    mine: ServerSettings,
    settings: Settings,
    directory: Path,
    clock: Clock,
    insecure: bool = False,
) -> tuple[Server, list[str]]:
    """A server and the warnings that its operator should see. Nothing is opened before it starts, except the audit
    trail. `directory` is the server's own.

    Raises `UsageError` where starting would be unsafe.
    """
    token = mine.qmt_server_token.get_secret_value()
    warning = check_token(token, mine.qmt_server_listen, insecure)
    warnings = [warning] if warning else []
    accounts = configured_accounts(mine)
    context = tls.context(mine.qmt_server_tls_cert, mine.qmt_server_tls_key)
    if context is None and not _is_local(mine.qmt_server_listen):
        warnings.append(
            "没有启用 TLS：令牌和委托以明文传输；用 --make-cert 生成证书，再用 --tls-cert 和 --tls-key 启用"
        )
    venue = open_venue(mine.qmt_server_type, Setting(settings, clock, directory, mine.qmt_server_data))
    terms = ServerTerms(
        host=mine.qmt_server_listen,
        port=mine.qmt_server_port,
        tokens=parse_tokens(token, mine.qmt_server_tokens.get_secret_value(), frozenset(one.key for one in accounts)),
        directory=Directory(accounts, parse_sub_accounts(mine.qmt_server_sub_accounts, accounts)),
        backend_type=venue.backend_type,
        data_enabled=mine.qmt_server_enable_data,
        broker_enabled=mine.qmt_server_enable_broker,
        allowed=parse_allowlist(mine.qmt_server_allowlist),
        max_connections=mine.qmt_server_max_connections,
        max_subscriptions=mine.qmt_server_max_subscriptions,
        request_limit_s=mine.request_timeout_s,
        place_margin_s=mine.place_margin_s,
        order_wait_s=settings.trade_max_wait_time,
        tls=context,
        log_account=mine.qmt_server_log_account,
    )
    desk_terms = DeskTerms(
        settings.trade_max_wait_time,
        buy_percent=settings.market_buy_price_percent,
        sell_percent=settings.market_sell_price_percent,
    )
    if mine.qmt_server_order_risk_enabled:
        desk_terms = _limited(desk_terms, risk_limits(settings))
    server = Server(
        terms,
        clock,
        partial(_desks, venue, terms.directory, directory, clock, desk_terms),
        partial(_quotes, venue, clock),
        HistoryDesk(Owner("history", clock), venue.open_history),
        AuditTrail(directory / AUDIT_FILE),
        venue.release,
    )
    return server, warnings


def _limited(terms: DeskTerms, limits: RiskLimits) -> DeskTerms:
    log.info(
        "服务端限额：%s", "；".join(limit_text(limits, name) for name in ENFORCED if limits.on(name)) or "没有设置"
    )
    risk = OrderRisk(limits)
    return replace(
        terms,
        check=risk.order,
        check_cancel=risk.cancel,
        account_age_s=ACCOUNT_AGE_S,
        rate=limits.max_order_rate,
    )


def configured_accounts(mine: ServerSettings) -> tuple[AccountSpec, ...]:
    """The accounts of `--accounts`, and the single one of `QMT_ACCOUNT_ID`; a simulator has one without either."""
    found = parse_accounts(mine.qmt_server_accounts)
    if mine.qmt_account_id and not any(one.key == DEFAULT for one in found):
        found += (AccountSpec(DEFAULT, mine.qmt_account_id, mine.qmt_account_type, mine.qmt_data_path),)
    if not found and mine.qmt_server_type == "simulator":
        found = (AccountSpec(DEFAULT, "demo"),)
    if not found and mine.qmt_server_enable_broker:
        raise UsageError("没有配置账户", "用 --accounts main=资金账号:stock 或 QMT_ACCOUNT_ID 设置")
    return found


def _is_local(listen: str) -> bool:
    return listen in ("localhost", "127.0.0.1", "::1")


def _desks(
    venue: Venue,
    known: Directory,
    directory: Path,
    clock: Clock,
    terms: DeskTerms,
    publish: Publish,
) -> dict[str, Desk]:
    return {
        spec.key: _desk(venue, spec, known.subs_of(spec.key), directory, clock, terms, publish)
        for spec in known.accounts
    }


def _desk(
    venue: Venue,
    spec: AccountSpec,
    subs: tuple[SubAccount, ...],
    directory: Path,
    clock: Clock,
    terms: DeskTerms,
    publish: Publish,
) -> Desk:
    owner = Owner(f"account-{spec.key}", clock)
    path = directory / file_name(spec.key)
    return Desk(
        spec,
        owner,
        lambda: venue.open_account(spec, owner),
        lambda: SubmissionFile(path, clock.now().date()),
        terms,
        publish,
        subs,
    )


def _quotes(venue: Venue, clock: Clock, wake: Callable[[], None]) -> QuoteDesk:
    owner = Owner("quotes", clock)
    return QuoteDesk(owner, lambda: venue.open_quotes(owner), wake, venue.backend_type)
