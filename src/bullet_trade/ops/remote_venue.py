"""Trading at a distance, from the user's settings: where the server is, its broker, and its quotes where it offers
them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random, SystemRandom

from bullet_trade.brokers.qmt_remote.broker import RemoteBroker
from bullet_trade.brokers.qmt_remote.terms import RemoteTerms
from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import Clock
from bullet_trade.engine.desk import tag_label
from bullet_trade.ops.assembly import Feed, QuoteSurroundings
from bullet_trade.ops.settings import Settings
from bullet_trade.ports.broker import Broker
from bullet_trade.quotes.live import LiveQuotes
from bullet_trade.quotes.qmt_remote.ticks import DataLink
from bullet_trade.remote import features
from bullet_trade.remote.line import Address, client_context
from bullet_trade.remote.link import LinkTerms

LEAST_RPC_S = 5.0
DEFAULT_DATA = "synthetic"
"""What `--data` says when the user says nothing."""


def address(settings: Settings) -> Address:
    """Where the server is. Raises `UsageError` for a certificate that cannot be used."""
    certificate = settings.qmt_server_tls_cert
    context = client_context(certificate.expanduser()) if certificate is not None else None
    return Address(settings.qmt_server_host, settings.qmt_server_port, context)


def token(settings: Settings) -> str:
    """The server's token. Raises `UsageError` where it is missing."""
    found = settings.qmt_server_token.get_secret_value().strip()
    if not found:
        raise UsageError("没有设置 QMT_SERVER_TOKEN", "在 .env 中写服务端启动时用的令牌")
    return found


def link_terms(settings: Settings) -> LinkTerms:
    """How long to wait for answers."""
    return LinkTerms(rpc_s=max(LEAST_RPC_S, settings.qmt_server_rpc_timeout))


def remote_broker(settings: Settings, label: str, clock: Clock) -> Broker:
    """The adapter for the strategy named `label`, not connected yet. Raises `UsageError`."""
    terms = RemoteTerms(
        account_key=settings.qmt_server_account_key.strip(),
        sub_account=settings.qmt_server_sub_account.strip(),
        tag_prefix=f"bt:{tag_label(label)}:",
        place_s=max(LEAST_RPC_S, settings.qmt_server_rpc_timeout, settings.qmt_place_order_timeout_margin),
    )
    return RemoteBroker(address(settings), token(settings), terms, clock, _draw(), link_terms(settings))


def remote_account(settings: Settings) -> str:
    """What tells the account from every other one."""
    account = f"{settings.qmt_server_account_key.strip()}/{settings.qmt_server_sub_account.strip()}"
    return f"{settings.qmt_server_host}:{settings.qmt_server_port}/{account}"


def remote_data(settings: Settings, source: str, clock: Clock) -> DataLink | None:
    """The connection for quotes; None where `source` names another one. Raises `UsageError` where the server cannot be
    reached, or offers no data and none was named: invented prices must not guide orders that cost money."""
    if source != DEFAULT_DATA:
        return None
    made = DataLink(address(settings), token(settings), clock, _draw(), link_terms(settings)).opened()
    if features.DATA not in made.modules:
        made.close()
        raise UsageError("服务端没有启用数据功能，合成行情不能用于远程账户", "在服务端加 --enable-data")
    return made


def quotes_over(link: DataLink) -> Callable[[QuoteSurroundings], Feed]:
    """Live quotes over the connection, for `assembly.Wiring.quotes`."""
    return lambda around: LiveQuotes(link, around.data, around.calendar, around.timers, around.note)


def _draw() -> Random:
    # Keys of orders must not repeat from one start to the next, whatever the machine's clock says.
    return SystemRandom()
