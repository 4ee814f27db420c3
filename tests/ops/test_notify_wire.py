"""Messages all the way to a real end on this machine: a mail server and webhooks, through the library itself."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_string
from email.header import decode_header, make_header
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from threading import Event as Gate
from threading import Thread
from urllib.parse import parse_qs

import pytest

from bullet_trade.engine.events import Alarmed
from bullet_trade.ops.notify.channels import DeliveryError, Message, native, open_channels
from bullet_trade.ops.notify.notifier import Notifier
from bullet_trade.ops.notify.outbox import OUTBOX_FILE, read_outbox
from bullet_trade.ops.notify.terms import NotifyTerms
from bullet_trade.testing.recorder import Recorder

apprise = pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise imports it where there is one

NOON = datetime(2025, 6, 3, 12)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "messages.md"
USER, PASSWORD = "trader", "AUTH-CODE-1"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@contextmanager
def serving(server: BaseServer) -> Iterator[int]:
    """The port of a server that runs in a thread."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])  # type: ignore[index,arg-type]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- webhooks ----------------------------------------------------------------------------------------------------------


class Webhook:
    """Answers as scripted: a status, or a hang until the other side gives up. `got` are the bodies, in order."""

    def __init__(self, *script: int | None) -> None:
        self.script = list(script)
        self.got: list[str] = []
        self.gate = Gate()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status = hook.script.pop(0)
                if status is None:
                    hook.gate.wait(10.0)
                    return
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


class Sender:
    """A run's messenger on that channel: a clock that is set by hand, sends in the caller's thread."""

    def __init__(self, url: str, directory: Path, at: datetime) -> None:
        self.at = at
        self.log = Recorder()
        self.notifier = Notifier(
            open_channels([url]), NotifyTerms(), "demo", lambda: self.at, self.seconds, lambda work: work()
        )
        self.notifier.log = self.log
        self.notifier.open(directory / OUTBOX_FILE)

    def seconds(self) -> float:
        return (self.at - NOON).total_seconds()

    def alarm(self, text: str) -> None:
        self.notifier.tell(Alarmed(self.at, "quote", text))

    def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            self.at += timedelta(seconds=1)
            self.notifier.step()


def _json(body: str) -> str:
    return str(json.loads(body)["message"])


def _form(body: str) -> str:
    return parse_qs(body)["message"][0]


@pytest.mark.parametrize(("scheme", "read"), [("json", _json), ("form", _form)])
def test_a_webhook_that_fails_and_hangs_gets_each_alarm_once_when_it_is_back(
    scheme: str, read: Callable[[str], str], tmp_path: Path
) -> None:
    hook = Webhook(500, None, 200, 200)
    with serving(hook.server) as port:
        url = f"{scheme}://127.0.0.1:{port}/HOOK-KEY?rto=0.2&cto=2"
        first = Sender(url, tmp_path, NOON)
        first.alarm("没有行情")
        first.pass_(3)
        first.alarm("没有行情")  # the same again, while nothing arrives
        first.pass_(8)
        assert len(hook.got) == 2  # refused, then no answer
        assert [(row.channel, row.times) for row in read_outbox(tmp_path / OUTBOX_FILE)] == [(scheme, 2)]
        hook.gate.set()
        after = Sender(url, tmp_path, first.at)  # the process was killed and has started again
        after.pass_(3)
        assert read(hook.got[2]).count("没有行情") == 1 and "共 2 次" in read(hook.got[2])
        assert read_outbox(tmp_path / OUTBOX_FILE) == []
        after.alarm("没有行情")  # told a moment ago: counted, not sent again
        after.pass_(60)
        assert len(hook.got) == 3
        after.alarm("没有账户")
        after.pass_(30)
        assert "没有账户" in read(hook.got[3]) and len(hook.got) == 4
    told = "\n".join(event.text for event in first.log.events if hasattr(event, "text"))
    assert f"消息通道 {scheme} 发送失败" in told and "HOOK-KEY" not in told


# -- mail --------------------------------------------------------------------------------------------------------------


class MailServer(ThreadingTCPServer):
    """A mail server that knows one user; `mails` are (recipients, mail)."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.mails: list[tuple[list[str], Mail]] = []


class Conversation(StreamRequestHandler):
    """RFC 5321 as far as one mail needs it, with AUTH PLAIN and LOGIN of RFC 4954."""

    server: MailServer

    def handle(self) -> None:
        self.known, recipients = False, list[str]()
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    self.say("250-here\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN")
                case "AUTH":
                    self.authenticate(rest)
                case "MAIL" | "RSET" | "NOOP":
                    self.say("250 ok" if self.known else "530 authentication required")
                case "RCPT":
                    recipients.append(rest.partition(":")[2].strip("<> "))
                    self.say("250 ok")
                case "DATA":
                    self.say("354 go on")
                    lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                    self.server.mails.append((recipients, message_from_string("".join(lines))))
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("502 unknown")

    def authenticate(self, rest: str) -> None:
        method, _, initial = rest.partition(" ")
        if method == "PLAIN":
            _, user, password = base64.b64decode(initial or self.ask("334 ")).decode().split("\0")
        else:
            user = base64.b64decode(initial or self.ask("334 VXNlcm5hbWU6")).decode()
            password = base64.b64decode(self.ask("334 UGFzc3dvcmQ6")).decode()
        self.known = (user, password) == (USER, PASSWORD)
        self.say("235 welcome" if self.known else f"535 wrong password {password}")

    def ask(self, prompt: str) -> str:
        self.say(prompt)
        return self.rfile.readline().decode().strip()

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


def test_a_mail_arrives_with_its_words(tmp_path: Path) -> None:
    with MailServer() as server, serving(server) as port:
        (channel,) = open_channels([f"mailto://{USER}:{PASSWORD}@127.0.0.1:{port}?from=a@qq.com&to=b@qq.com"])
        channel.send(Message("demo 告警", "没有行情：600000.XSHG", 2))
    ((recipients, mail),) = server.mails
    assert recipients == ["b@qq.com"]
    assert str(make_header(decode_header(mail["Subject"]))) == "demo 告警"
    parts = [part for part in mail.walk() if not part.is_multipart()]
    assert "没有行情：600000.XSHG" in parts[0].get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_a_mail_server_that_refuses_the_password_is_told_without_it() -> None:
    with MailServer() as server, serving(server) as port:
        (channel,) = open_channels([f"mailto://{USER}:WRONG-CODE-2@127.0.0.1:{port}?from=a@qq.com&to=b@qq.com"])
        with pytest.raises(DeliveryError) as caught:
            channel.send(Message("t", "b", 0))
    assert "核对" in str(caught.value)
    assert "WRONG-CODE" not in str(caught.value) and server.mails == []


# -- the addresses of the page -----------------------------------------------------------------------------------------

KEY = "6c1c0d3e-1111-2222-3333-0123456789ab"
SERVICES = {
    "wecombot://key": (f"wecombot://{KEY}", "NotifyWeComBot"),
    "https://qyapi.weixin.qq.com/...": (
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}",
        "NotifyWeComBot",
    ),
    "dingtalk://token": ("dingtalk://" + "0a" * 32, "NotifyDingTalk"),
    "dingtalk://密钥@token": ("dingtalk://SEC" + "0b" * 32 + "@" + "0a" * 32, "NotifyDingTalk"),
    "https://oapi.dingtalk.com/robot/send?access_token=...": (
        "https://oapi.dingtalk.com/robot/send?access_token=" + "0a" * 32,
        "NotifyDingTalk",
    ),
    "feishu://token": (f"feishu://{KEY}", "NotifyFeishu"),
    "https://open.feishu.cn/open-apis/bot/v2/hook/...": (
        f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}",
        "NotifyFeishu",
    ),
    "tgram://机器人token/会话id": ("tgram://123456789:AAbcdefghijklmnopqrstuvwxyzABCDEFGH/12345", "NotifyTelegram"),
    "mailto://用户:授权码@qq.com": ("mailto://12345:abcdefgh@qq.com", "NotifyEmail"),
    "barks://api.day.app/设备key": ("barks://api.day.app/AbCdEfGh", "NotifyBark"),
    "schan://SCT...": ("schan://SCT123Tabc", "NotifyServerChan"),
    "https://sctapi.ftqq.com/SCT....send": ("https://sctapi.ftqq.com/SCT123Tabc.send", "NotifyServerChan"),
    "pushplus://token": ("pushplus://" + "0a" * 16, "NotifyPushplus"),
    "jsons://你的服务器/路径": ("jsons://example.com/hook", "NotifyJSON"),
}
"""By what the page shows: an address of that kind, and the plug-in that it is for."""


def test_every_address_that_the_page_shows_is_tried_here() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## 消息通道", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert {shown for row in rows for shown in re.findall(r"`(\w+://[^`]+)`", row)} == set(SERVICES)


@pytest.mark.parametrize(("address", "plugin"), SERVICES.values(), ids=SERVICES)
def test_an_address_of_the_page_reaches_its_service(address: str, plugin: str) -> None:
    from apprise import Apprise

    assert type(Apprise.instantiate(native(address))).__name__ == plugin
    assert len(open_channels([address])) == 1
