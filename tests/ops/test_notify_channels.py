"""Addresses of channels, the settings of messages, and that no secret is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import time

import pytest
from pydantic import SecretStr

from bullet_trade.domain.errors import UsageError
from bullet_trade.ops.notify.channels import DeliveryError, Message, masked, native, open_channels
from bullet_trade.ops.notify.terms import Quiet, addresses, notify_terms
from bullet_trade.ops.settings import Settings

apprise = pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise imports it where there is one

MESSAGE = Message("标题", "正文", 2)
WECOM = "6c1c0d3e-1111-2222-3333-0123456789ab"


@pytest.fixture
def box() -> Iterator[list[tuple[str, str, str]]]:
    """What arrives at ``btest://``: titles, bodies, types. A body with ``fail`` is refused, with ``boom`` raises."""
    from apprise.decorators import notify
    from apprise.manager_plugins import NotificationManager

    got: list[tuple[str, str, str]] = []

    @notify(on="btest")
    def receive(body: str, title: str, notify_type: str, meta: dict[str, str], *_: object, **__: object) -> bool:
        if "boom" in body:
            raise ValueError(meta["url"])
        got.append((title, body, str(notify_type)))
        return "fail" not in body

    yield got
    NotificationManager().remove("btest")


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


class TestAddresses:
    def test_several_are_parted_by_commas_or_blanks(self) -> None:
        text = "wecombot://a, tgram://b/c,d  mailto://u:p@qq.com?to=x@qq.com,y@qq.com\njson://h"
        assert addresses(settings(notify_urls=SecretStr(text))) == [
            "wecombot://a",
            "tgram://b/c,d",
            "mailto://u:p@qq.com?to=x@qq.com,y@qq.com",
            "json://h",
        ]

    @pytest.mark.parametrize("name", ["message_key", "wechat_message_key"])
    @pytest.mark.parametrize(
        ("key", "url"),
        [
            (WECOM, f"wecombot://{WECOM}"),
            ("SCT123abc", "schan://SCT123abc"),
            (f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={WECOM}", None),
        ],
    )
    def test_the_key_of_a_deployed_installation_is_its_robot(self, name: str, key: str, url: str | None) -> None:
        assert addresses(settings(**{name: key})) == [url or key]

    def test_both_names_for_one_key_are_one_channel(self) -> None:
        assert len(addresses(settings(message_key=WECOM, wechat_message_key=WECOM))) == 1

    @pytest.mark.parametrize(
        ("shown", "scheme"),
        [
            ("https://oapi.dingtalk.com/robot/send?access_token=" + "0a" * 32, "dingtalk"),
            ("https://open.feishu.cn/open-apis/bot/v2/hook/0a1b2c3d-1111", "feishu"),
            ("https://sctapi.ftqq.com/SCT123Tabc.send", "schan"),
            (f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={WECOM}", "wecombot"),
            (f"wecombot://{WECOM}", "wecombot"),
            ("dingtalk://" + "0a" * 32, "dingtalk"),
            ("tgram://123456789:AAbcdefghijklmnopqrstuvwxyzABCDEFGH/12345", "tgram"),
            ("mailto://u:p@163.com", "mailto"),
            ("barks://api.day.app/devicekey", "barks"),
            ("pushplus://" + "0a" * 16, "pushplus"),
        ],
    )
    def test_the_services_own_addresses_are_understood(self, shown: str, scheme: str) -> None:
        assert native(shown).partition("://")[0] == scheme
        assert [channel.label for channel in open_channels([shown, shown])] == [scheme, f"{scheme}-2"]

    @pytest.mark.parametrize("url", ["nonsense://SECRET", "https://example.com/SECRET", "bark://SECRET@api.day.app"])
    def test_an_address_that_cannot_be_used_is_refused_and_not_shown(self, url: str) -> None:
        """O05 P04: an alarm that can never arrive is found out before the start, not when it is needed."""
        with pytest.raises(UsageError) as caught:
            open_channels([f"wecombot://{WECOM}", url])
        assert "第 2 个" in str(caught.value) and "SECRET" not in str(caught.value)

    def test_without_the_library_the_error_names_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "apprise", None)
        with pytest.raises(UsageError, match=r"bullet-trade\[notify\]"):
            open_channels([f"wecombot://{WECOM}"])
        assert open_channels([]) == []


class TestSending:
    def test_a_message_arrives_with_its_gravity(self, box: list[tuple[str, str, str]]) -> None:
        (channel,) = open_channels(["btest://x"])
        channel.send(MESSAGE)
        assert box == [("标题", "正文", "failure")]

    @pytest.mark.parametrize("body", ["fail", "boom"])
    def test_a_refusal_is_an_error_without_the_address(self, body: str, box: list[tuple[str, str, str]]) -> None:
        """P04"""
        (channel,) = open_channels(["btest://MARKED-SECRET/path?token=SECOND-SECRET"])
        with pytest.raises(DeliveryError) as caught:
            channel.send(Message("t", body, 0))
        assert "SECRET" not in str(caught.value) and "btest" in str(caught.value)

    @pytest.mark.parametrize(
        "text",
        ["POST https://h/robot/SECRET1 failed", "invalid key SECRET1", "login u0 with p@ss word denied", "S%20CRET"],
    )
    def test_no_part_of_an_address_is_left_in_a_text(self, text: str) -> None:
        """P04"""
        shown = masked(text, "mailto://u0:S%20CRET@host/SECRET1?pass=p%40ss%20word")
        assert "SECRET1" not in shown and "S CRET" not in shown and "S%20CRET" not in shown


class TestTerms:
    def test_the_defaults_tell_what_a_person_has_to_know(self) -> None:
        terms = notify_terms(settings())
        assert terms.classes == {"alarms", "disconnects", "refusals", "summary", "messages", "notes"}
        assert (terms.quiet, terms.passing) == (None, {"alarms"})

    def test_classes_hours_and_what_passes_are_settings(self) -> None:
        terms = notify_terms(
            settings(notify_events="fills, Alarms", notify_quiet="22:00-08:00", notify_quiet_alarms=False)
        )
        assert terms.classes == {"fills", "alarms"}
        assert (terms.quiet, terms.passing) == (Quiet(time(22), time(8)), frozenset())

    @pytest.mark.parametrize(
        ("name", "value"), [("notify_events", "fill"), ("notify_quiet", "22-8点"), ("notify_quiet", "22:00")]
    )
    def test_a_wrong_value_is_refused_by_name(self, name: str, value: str) -> None:
        with pytest.raises(UsageError, match=name.upper()):
            notify_terms(settings(**{name: value}))

    def test_the_settings_do_not_show_the_addresses(self) -> None:
        """P04"""
        shown = repr(settings(notify_urls="json://SECRET", message_key="SECRET", wechat_message_key="SECRET"))
        assert "SECRET" not in shown
