"""Which accounts the server has, and which one a request means.

A key that is not configured is refused. Deployed servers fall back to their default account then, so that an order may
go to the wrong one; here only a missing key means the default account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Money, money
from bullet_trade.remote.errors import ErrorCode, RemoteError

DEFAULT = "default"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """One account: `key` is what clients call it, `account_id` the broker's number, never shown in full."""

    key: str
    account_id: str
    account_type: str = "stock"
    data_path: str = ""

    @property
    def masked_id(self) -> str:
        """The last four characters of the number, the rest hidden."""
        return masked(self.account_id)


@dataclass(frozen=True, slots=True)
class SubAccount:
    """A name under which a part of an account trades. `limit` is the most that one order may be worth; None: no
    limit."""

    name: str
    parent: str
    limit: Money | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. `sub` is None for an account as a whole, `sub_name` also names unconfigured ones."""

    account_key: str
    sub_name: str = ""
    sub: SubAccount | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """The accounts and sub-accounts of one server; the first account stands for a missing key unless one is called
    `default`."""

    accounts: tuple[AccountSpec, ...]
    subs: tuple[SubAccount, ...] = ()

    def target(self, account_key: str | None, sub_account_id: str | None) -> Target:
        """What is meant. Raises `RemoteError` for a key that does not exist, or two keys that contradict each other."""
        name, _, parent = (sub_account_id or "").partition("@")
        sub = next((one for one in self.subs if one.name == name), None) if name else None
        belongs = sub.parent if sub is not None else parent
        if account_key and belongs and account_key != belongs:
            raise _unknown(f"子账户 {name} 属于账户 {belongs}，请求写的是 {account_key}")
        key = account_key or belongs or self._default()
        if not any(one.key == key for one in self.accounts):
            raise _unknown(f"没有账户 {key!r}，本服务的账户：{'、'.join(one.key for one in self.accounts)}")
        return Target(key, name, sub)

    def _default(self) -> str:
        if not self.accounts:
            raise _unknown("'未配置有效的 account_key'")
        keys = [one.key for one in self.accounts]
        return DEFAULT if DEFAULT in keys else keys[0]


def _unknown(text: str) -> RemoteError:
    return RemoteError(ErrorCode.ACCOUNT_UNKNOWN, text, broker_called=False)


def parse_accounts(text: str) -> tuple[AccountSpec, ...]:
    """``key=id[:type[:data path]]``, several separated by comma or semicolon. Raises `UsageError` naming the item."""
    found: list[AccountSpec] = []
    for item in re.split(r"[,;]", text):
        if not item.strip():
            continue
        key, _, rest = item.strip().partition("=")
        account_id, _, tail = rest.partition(":")
        kind, _, path = tail.partition(":")  # the path may contain colons itself: C:\userdata_mini
        if _KEY.fullmatch(key) is None or not account_id.strip():
            raise UsageError(f"账户 {item.strip()!r} 写法无效", "写成 main=123456:stock，多个用逗号分隔")
        if any(one.key == key for one in found):
            raise UsageError(f"账户名 {key} 写了两次", "每个账户用不同的名字")
        found.append(AccountSpec(key, account_id.strip(), kind.strip() or "stock", path.strip()))
    return tuple(found)


def parse_sub_accounts(text: str, accounts: tuple[AccountSpec, ...]) -> tuple[SubAccount, ...]:
    """``id[@parent][:limit=number]``. A limit that cannot be read is an error: it protects money."""
    found: list[SubAccount] = []
    keys = [one.key for one in accounts]
    for item in re.split(r"[,;]", text):
        if not item.strip():
            continue
        named, _, option = item.strip().partition(":")
        name, _, parent = named.partition("@")
        parent = parent or (DEFAULT if DEFAULT in keys or not keys else keys[0])
        if _KEY.fullmatch(name) is None or parent not in keys:
            raise UsageError(
                f"子账户 {item.strip()!r} 写法无效，或它的账户 {parent} 不存在", "写成 demo@main:limit=5000"
            )
        found.append(SubAccount(name, parent, _limit(item.strip(), option)))
    return tuple(found)


def _limit(item: str, option: str) -> Money | None:
    if not option:
        return None
    name, _, value = option.partition("=")
    if name != "limit" or re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is None:
        raise UsageError(f"子账户 {item!r} 的额度写法无效", "写成 demo@main:limit=5000（元）")
    return money(value)


def masked(number: str) -> str:
    """A number that must not be shown, by its last four characters."""
    return f"***{number[-4:]}" if len(number) > 4 else "***"
