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
    """A name under which a part of an account trades. `limit` is the most that one order may be worth, `daily` what a
    day's orders may trade in all, `orders` how many of them may leave a day; None: no limit. `cash` is what the name
    was allotted: it has books of its own then, and sees nothing else of the account."""

    name: str
    parent: str
    limit: Money | None = None
    cash: Money | None = None
    daily: Money | None = None
    orders: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. `sub` is None for an account as a whole, `sub_name` also names unconfigured ones."""

    account_key: str
    sub_name: str = ""
    sub: SubAccount | None = None

    @property
    def own_books(self) -> str:
        """The name of a sub-account that sees only its own, '' for everybody else."""
        return self.sub_name if self.sub is not None and self.sub.cash is not None else ""


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
        own = [one.name for one in self.subs_of(key) if one.cash is not None]
        if name and sub is None and own:  # a slip of the pen would spend what belongs to the others
            known = "、".join(one.name for one in self.subs_of(key))
            raise _unknown(f"账户 {key} 没有子账户 {name!r}，它的子账户：{known}")
        return Target(key, name, sub)

    def subs_of(self, account_key: str) -> tuple[SubAccount, ...]:
        """The sub-accounts of an account."""
        return tuple(one for one in self.subs if one.parent == account_key)

    def own_books(self, account_key: str | None, sub_account_id: str | None) -> Target | None:
        """The sub-account with books of its own that a client's handshake names, None for anything else."""
        try:
            target = self.target(account_key, sub_account_id)
        except RemoteError:  # each of its requests is told so
            return None
        return target if target.own_books else None

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


_REMEDY = "写成 demo@main:cash=100000:limit=5000:daily=50000:orders=200，选项可以省略，多个子账户用逗号分隔"
_YUAN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
_COUNT = re.compile(r"[0-9]{1,9}")


def parse_sub_accounts(text: str, accounts: tuple[AccountSpec, ...]) -> tuple[SubAccount, ...]:
    """``id[@parent][:option=number]...``, see `SubAccount` for the options; money in yuan. Whatever cannot be read is
    an error: it protects money. Raises `UsageError` naming the item."""
    found: list[SubAccount] = []
    keys = [one.key for one in accounts]
    for item in filter(None, map(str.strip, re.split(r"[,;]", text))):
        named, *options = item.split(":")
        name, _, parent = named.partition("@")
        parent = parent or (DEFAULT if DEFAULT in keys or not keys else keys[0])
        if _KEY.fullmatch(name) is None or parent not in keys:
            raise UsageError(f"子账户 {item!r} 写法无效，或它的账户 {parent} 不存在", _REMEDY)
        if any(one.name == name for one in found):
            raise UsageError(f"子账户 {item!r}：{name} 写了两次", "每个子账户用不同的名字，选项写在一处")
        found.append(_sub_account(item, name, parent, options))
    return tuple(found)


def _sub_account(item: str, name: str, parent: str, options: list[str]) -> SubAccount:
    amounts: dict[str, Money] = {}
    orders: int | None = None
    for option in filter(None, options):
        kind, _, value = option.partition("=")
        if kind in amounts or (kind == "orders" and orders is not None):
            raise UsageError(f"子账户 {item!r} 的选项 {kind} 写了两次", _REMEDY)
        if kind == "orders" and _COUNT.fullmatch(value):
            orders = int(value)
        elif kind in ("limit", "cash", "daily") and _YUAN.fullmatch(value):
            amounts[kind] = money(value)
        elif kind in ("limit", "cash", "daily", "orders"):
            raise UsageError(f"子账户 {item!r} 的 {kind}={value!r} 无效，要是一个不小于 0 的数", _REMEDY)
        else:
            raise UsageError(f"子账户 {item!r} 没有选项 {kind!r}，只有 limit、cash、daily、orders", _REMEDY)
    return SubAccount(name, parent, amounts.get("limit"), amounts.get("cash"), amounts.get("daily"), orders)


def masked(number: str) -> str:
    """A number that must not be shown, by its last four characters."""
    return f"***{number[-4:]}" if len(number) > 4 else "***"
