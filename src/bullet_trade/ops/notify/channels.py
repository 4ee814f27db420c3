"""Channels: one address each, sent to through apprise's plug-ins. No text of this module shows a part of an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import unquote

from bullet_trade.domain.errors import UsageError

if TYPE_CHECKING:
    from apprise import NotifyBase


class Message(NamedTuple):
    """`grave` 2: alarms are in it, 1: something went wrong, 0: for information."""

    title: str
    body: str
    grave: int


class DeliveryError(Exception):
    """The channel did not take the message; the text says why, without a secret."""


class Channel(Protocol):
    """A way to the operator. `label` tells it from the others and holds no secret."""

    @property
    def label(self) -> str:
        """Its name."""

    def send(self, message: Message) -> None:
        """Deliver; may take long. Raises `DeliveryError`."""


WEB_ADDRESSES = (
    (re.compile(r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?(?:.*&)?key=([\w-]+).*"), r"wecombot://\1"),
    (re.compile(r"https://oapi\.dingtalk\.com/robot/send\?(?:.*&)?access_token=(\w+).*"), r"dingtalk://\1"),
    (re.compile(r"https://open\.feishu\.cn/open-apis/bot/v2/hook/([\w-]+)/?"), r"feishu://\1"),
    (re.compile(r"https://open\.larksuite\.com/open-apis/bot/v2/hook/([\w-]+)/?"), r"lark://\1"),
    (re.compile(r"https://sctapi\.ftqq\.com/(\w+)\.send/?"), r"schan://\1"),
)
"""Addresses as the services show them to their users, and what apprise calls them."""


def open_channels(urls: Sequence[str]) -> list[Channel]:
    """The channels of these addresses. Raises `UsageError` for one that cannot be used, or without apprise."""
    if not urls:
        return []
    try:
        from apprise import Apprise
    except ImportError as error:
        raise UsageError(
            "设置了 NOTIFY_URLS 或 MESSAGE_KEY，但没有安装 apprise", "执行 pip install 'bullet-trade[notify]'"
        ) from error
    found: list[Channel] = []
    labels: dict[str, int] = {}
    for place, url in enumerate(urls, 1):
        known = native(url)
        scheme = known.partition("://")[0].lower()
        plugin = Apprise.instantiate(known)
        if plugin is None or not len(plugin):
            raise UsageError(
                f"第 {place} 个消息地址 {scheme}://*** 无法使用", "核对 NOTIFY_URLS，写法见 docs/messages.md"
            )
        labels[scheme] = labels.get(scheme, 0) + 1
        number = labels[scheme]
        found.append(AppriseChannel(scheme if number == 1 else f"{scheme}-{number}", known, plugin))
    return found


def native(url: str) -> str:
    """The address as apprise knows it."""
    for shown, ours in WEB_ADDRESSES:
        if shown.fullmatch(url):
            return shown.sub(ours, url)
    return url


class AppriseChannel:
    """One of apprise's plug-ins."""

    def __init__(self, label: str, url: str, plugin: NotifyBase) -> None:
        self.label = label
        self._url = url
        self._plugin = plugin

    def send(self, message: Message) -> None:
        from apprise import Apprise, NotifyType

        kinds = (NotifyType.INFO, NotifyType.WARNING, NotifyType.FAILURE)
        reasons: list[str] = []
        sender = Apprise()
        sender.add(self._plugin)
        try:
            taken = sender.notify(
                body=message.body,
                title=message.title,
                notify_type=kinds[message.grave],
                body_format="text",
                log_callback=lambda entry, _: reasons.append(entry.message),
            )
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and its text may hold a secret
            raise DeliveryError(masked(f"{type(error).__name__}: {error}", self._url)) from None
        if not taken:
            raise DeliveryError(explained(masked("；".join(reasons) or "服务没有接受", self._url)))


CAUSES = (
    (re.compile(r"connection error", re.IGNORECASE), "连不上，或登录被拒绝：检查网络和代理，核对地址和密码"),
    (re.compile(r"error=40[0134]\b"), "服务不接受：核对地址里的 key 或令牌"),
    (re.compile(r"error=5\d\d\b"), "对方的服务出错"),
)
"""What the library's own words mean to its user."""


def explained(reason: str) -> str:
    """The reason with what it means before it, where that is known."""
    return next((f"{words}（{reason}）" for pattern, words in CAUSES if pattern.search(reason)), reason)


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_SECRET_LENGTH = 4


def masked(text: str, url: str) -> str:
    """The text without addresses, and without any part of this one."""
    shown = _ADDRESS.sub("***", text)
    rest = url.partition("://")[2]
    parts = {part for form in (rest, unquote(rest)) for part in re.split(r"[/?&=@:,\s]+", form)}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SECRET_LENGTH:
            shown = shown.replace(part, "***")
    return " ".join(shown.split())
