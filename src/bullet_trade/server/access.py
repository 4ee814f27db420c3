"""Who may come in, and what for: tokens, the list of admitted addresses, and the lock-out after wrong tokens."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bullet_trade.domain.errors import UsageError

DECENT_LENGTH = 16
"""Characters below which a token may be guessed; enough for a private network with a warning, not for a public one."""
DEFAULT_TEXTS = frozenset(("", "token", "changeme", "password", "your_token", "your-token", "xxx", "none", "null"))

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


# -- tokens ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token opens. `accounts` empty means all; without `trade` nothing can be written."""

    label: str
    accounts: frozenset[str] = frozenset()
    trade: bool = True

    def admits(self, account_key: str) -> bool:
        """Whether the account may be seen."""
        return not self.accounts or account_key in self.accounts


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens with their grants; never printed."""

    _known: tuple[tuple[bytes, Grant], ...] = field(repr=False)

    def grant(self, token: str) -> Grant | None:
        """What `token` opens, None for a wrong one. The time taken does not tell how much of it is right."""
        given = token.encode("utf-8", "surrogatepass")
        found: Grant | None = None
        for known, grant in self._known:
            if hmac.compare_digest(given, known) and known:
                found = grant
        return found


def parse_tokens(main: str, others: str, account_keys: frozenset[str]) -> Tokens:
    """`main` opens everything; `others` are ``token[:ro][:account[+account]]``, separated by comma or semicolon.

    Raises `UsageError` without ever showing a token.
    """
    known = [(main.encode(), Grant("main"))]
    for number, item in enumerate(filter(None, (one.strip() for one in re.split(r"[,;]", others))), 1):
        token, *scopes = item.split(":")
        accounts = frozenset(key for scope in scopes if scope != "ro" for key in scope.split("+") if key)
        if is_no_token(token) or accounts - account_keys:
            raise UsageError(
                f"第 {number} 个附加令牌无效：令牌为空，或账户 {'、'.join(sorted(accounts - account_keys))} 不存在",
                "写成 令牌:ro（只读）、令牌:账户 或 令牌:ro:账户一+账户二",
            )
        known.append((token.encode(), Grant(f"token{number}", accounts, "ro" not in scopes)))
    return Tokens(tuple(known))


def is_no_token(token: str) -> bool:
    """Whether a token is empty, blank or one of the texts that stand in examples for "put yours here"."""
    return token.strip().lower() in DEFAULT_TEXTS


def check_token(token: str, listen: str, insecure: bool) -> str:
    """A warning about a weak token, '' where it is decent. Raises `UsageError` where starting would be reckless."""
    remedy = "用 --token 或 QMT_SERVER_TOKEN 设置令牌，例如 python -c 'import secrets; print(secrets.token_hex(16))'"
    if is_no_token(token):
        raise UsageError("没有设置令牌，或令牌是示例里的占位文字", remedy)
    if len(token) >= DECENT_LENGTH or reach(listen) == "loopback":
        return ""
    if reach(listen) == "public" and not insecure:
        raise UsageError(
            f"监听公网地址 {listen}，而令牌只有 {len(token)} 个字符（至少 {DECENT_LENGTH} 个）",
            f"{remedy}；确有把握时加 --insecure",
        )
    return f"令牌只有 {len(token)} 个字符，猜得到令牌的人可以用你的账户下单；请换成至少 {DECENT_LENGTH} 个字符"


def reach(listen: str) -> str:
    """From where a listening address can be reached: ``loopback``, ``private`` (also all addresses of a host), or
    ``public``."""
    if listen == "localhost":
        return "loopback"
    if listen in ("", "*"):
        return "private"
    try:
        address = ipaddress.ip_address(listen)
    except ValueError:
        return "private"  # a host name; the operator's own
    if address.is_loopback:
        return "loopback"
    return "private" if address.is_private or address.is_unspecified else "public"


# -- addresses ---------------------------------------------------------------------------------------------------------


def parse_allowlist(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by comma or semicolon; empty admits everyone. Raises `UsageError` for an entry
    that is none: a list of only invalid entries must not admit everyone."""
    found: list[Network] = []
    for item in re.split(r"[,;]", text):
        if not item.strip():
            continue
        try:
            found.append(ipaddress.ip_network(item.strip(), strict=False))
        except ValueError as error:
            raise UsageError(
                f"允许的地址 {item.strip()!r} 无效", "写成 10.0.0.8 或 10.0.0.0/24，多个用逗号分隔"
            ) from error
    if text.strip() and not found:
        raise UsageError(f"允许的地址列表 {text!r} 里没有地址", "删掉这个设置，或写上地址")
    return tuple(found)


def admitted(address: str, allowed: tuple[Network, ...]) -> bool:
    """Whether a peer may connect."""
    if not allowed:
        return True
    try:
        peer = _address(address)
    except ValueError:
        return False
    return any(peer in network for network in allowed)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    peer = ipaddress.ip_address(text.partition("%")[0])
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return mapped or peer


# -- lock-out ----------------------------------------------------------------------------------------------------------

FREE_FAILURES = 5
"""Wrong tokens of one address before it is locked out."""
FIRST_LOCK_S, LONGEST_LOCK_S = 30.0, 900.0
ADDRESSES_KEPT = 10_000


@dataclass(slots=True)
class _Record:
    failures: int = 0
    locked_until: float = 0.0


class LockOut:
    """Counts failed handshakes per address; each further failure doubles the time for which it is turned away."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._records: dict[str, _Record] = {}

    def locked(self, address: str) -> bool:
        """Whether the address is turned away now."""
        record = self._records.get(_group(address))
        return record is not None and record.locked_until > self._monotonic()

    def failed(self, address: str) -> None:
        """A wrong token, or something that is no handshake."""
        if len(self._records) >= ADDRESSES_KEPT:
            self._records.pop(next(iter(self._records)))
        record = self._records.setdefault(_group(address), _Record())
        record.failures += 1
        beyond = record.failures - FREE_FAILURES
        if beyond >= 0:
            record.locked_until = self._monotonic() + min(LONGEST_LOCK_S, FIRST_LOCK_S * 2.0 ** min(beyond, 10))

    def succeeded(self, address: str) -> None:
        """A right token clears the record."""
        self._records.pop(_group(address), None)


def _group(address: str) -> str:
    # Who has one IPv6 address usually has 2**64 of them.
    try:
        peer = _address(address)
    except ValueError:
        return address
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, 64), strict=False))
    return str(peer)
