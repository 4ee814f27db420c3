"""Who gets in: tokens, addresses, deadlines, limits, TLS, and what is never written anywhere."""

from __future__ import annotations

import logging
import pickle
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from served import TOKEN, Machine, Peer, Served, limit

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import WallClock
from bullet_trade.ops.settings import Settings
from bullet_trade.remote.frames import HANDSHAKE_LIMIT
from bullet_trade.server import logs, session, tls
from bullet_trade.server.access import LockOut, admitted, check_token, parse_allowlist, parse_tokens
from bullet_trade.server.accounts import parse_accounts, parse_sub_accounts
from bullet_trade.server.compose import compose
from bullet_trade.server.settings import ServerSettings

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

ORDER = {"security": "000001.XSHE", "side": "BUY", "amount": 100, "style": limit(10), "wait_timeout": 0}


def settings(**given: object) -> ServerSettings:
    base = {"qmt_server_type": "simulator", "qmt_server_token": TOKEN, "qmt_server_listen": "127.0.0.1"}
    return ServerSettings.model_validate(base | given)


@pytest.mark.parametrize("token", ["", "   ", "changeme", "TOKEN", "your_token"])
def test_no_start_without_a_real_token(token: str, tmp_path: Path) -> None:
    """P03: token unset, empty, blanks, or default text."""
    with pytest.raises(UsageError, match="令牌") as raised:
        compose(settings(qmt_server_token=token), Settings(), tmp_path, WallClock(Machine().civil))
    assert "--token" in str(raised.value)


def test_an_empty_token_never_opens_anything() -> None:
    """P03: compare("", "") is true."""
    tokens = parse_tokens(TOKEN, "", frozenset())
    assert tokens.grant("") is None
    assert parse_tokens("", "", frozenset()).grant("") is None
    assert tokens.grant(TOKEN) is not None
    assert tokens.grant(TOKEN[:-1]) is None
    assert TOKEN not in repr(tokens)


@pytest.mark.parametrize(
    ("listen", "token", "insecure", "outcome"),
    [
        ("127.0.0.1", "secret", False, "ok"),
        ("0.0.0.0", "secret", False, "warned"),
        ("10.0.0.8", "secret", False, "warned"),
        ("10.0.0.8", "0123456789abcdef", False, "ok"),
        ("8.8.8.8", "secret", False, "refused"),
        ("8.8.8.8", "secret", True, "warned"),
        ("8.8.8.8", "0123456789abcdef", False, "ok"),
        ("2400:3200::1", "secret", False, "refused"),
    ],
)
def test_a_short_token_is_measured_by_who_can_reach_it(listen: str, token: str, insecure: bool, outcome: str) -> None:
    try:
        found = "warned" if check_token(token, listen, insecure) else "ok"
    except UsageError:
        found = "refused"
    assert found == outcome


@pytest.mark.parametrize("text", ["nonsense", "10.0.0.0/99", ";", "10.0.0.1,oops"])
def test_an_allow_list_with_an_invalid_entry_refuses_to_start(text: str) -> None:
    """P06: an allow list that allows everybody."""
    with pytest.raises(UsageError, match="允许的地址"):
        parse_allowlist(text)


def test_an_allow_list_admits_addresses_and_networks() -> None:
    allowed = parse_allowlist("10.0.0.8, 192.168.1.0/24; 2001:db8::/32")
    for address, expected in {
        "10.0.0.8": True, "10.0.0.9": False, "192.168.1.77": True, "::ffff:192.168.1.77": True,
        "2001:db8::1": True, "2001:db9::1": False, "?": False,
    }.items():  # fmt: skip
        assert admitted(address, allowed) is expected, address


def test_an_address_that_is_not_listed_is_closed_without_a_byte(serve: Serve, raw: Connect) -> None:
    assert raw(serve(allowed=parse_allowlist("10.9.9.9"))).ended()


def test_wrong_tokens_lock_an_address_out(serve: Serve, raw: Connect) -> None:
    served = serve()
    for _ in range(5):
        peer = raw(served)
        peer.send({"type": "handshake", "token": "guess"})
        assert peer.receive()["code"] == "AUTH_FAILED"
    assert raw(served).ended(), "even the right token is not heard now"


def test_a_lock_out_ends_and_grows_and_is_cleared_by_the_right_token() -> None:
    now = [0.0]
    locks = LockOut(lambda: now[0])
    for _ in range(4):
        locks.failed("10.0.0.1")
    assert not locks.locked("10.0.0.1")
    locks.failed("10.0.0.1")
    assert locks.locked("10.0.0.1")
    assert not locks.locked("10.0.0.2")
    now[0] = 31.0
    assert not locks.locked("10.0.0.1")
    locks.failed("10.0.0.1")
    now[0] = 31.0 + 59.0
    assert locks.locked("10.0.0.1"), "the second time is twice as long"
    locks.succeeded("10.0.0.1")
    assert not locks.locked("10.0.0.1")
    for number in range(6):
        locks.failed(f"2001:db8::{number}")
    assert locks.locked("2001:db8::ffff"), "one owner has the whole /64"


HOSTILE = {
    "pickle": pickle.dumps(print),
    "list": b"[]",
    "text": b'"x"',
    "deep": b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "not-utf-8": b'{"a":"\xff"}',
    "nulls": bytes(100),
}


@pytest.mark.parametrize("logged_in", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_frame_drops_its_peer_and_nobody_else(
    shared: Served, clients: Connect, raw: Connect, body: bytes, logged_in: bool
) -> None:
    """P01: a pickle, an oversized, a truncated and a non-object frame, before and after log-in."""
    other = clients(shared)
    peer = clients(shared) if logged_in else raw(shared)
    peer.send_body(body)
    assert peer.ended()
    assert other.get("broker.positions") == []
    shared.server._locked.succeeded("127.0.0.1")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> object:
    running = Served(tmp_path_factory.mktemp("shared"))
    yield running
    running.stop()


def test_before_log_in_a_frame_may_only_be_small(shared: Served, raw: Connect) -> None:
    """W2: small frame limit before authentication."""
    peer = raw(shared)
    peer.send_bytes((HANDSHAKE_LIMIT + 1).to_bytes(4, "big"))
    assert peer.ended()
    shared.server._locked.succeeded("127.0.0.1")


def test_a_truncated_frame_keeps_nobody_else_waiting(shared: Served, clients: Connect) -> None:
    """P01: truncated frame."""
    half, other = clients(shared), clients(shared)
    half.send_bytes(b"\0\0\0\x50{")
    assert other.get("broker.positions") == []
    half.close()
    assert other.get("broker.positions") == []


def test_who_says_nothing_is_closed(serve: Serve, raw: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """W2: deadline for the handshake."""
    monkeypatch.setattr(session, "HANDSHAKE_WAIT_S", 0.05)
    assert raw(serve()).ended()


def test_who_falls_silent_is_closed(serve: Serve, clients: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """E01, W3: dead peers are noticed."""
    monkeypatch.setattr(session, "IDLE_S", 0.05)
    assert clients(serve()).ended()


def test_a_read_only_token_reads_and_never_trades(serve: Serve, clients: Connect) -> None:
    served = serve(accounts="one=111,two=222", tokens="reader-token:ro,one-token:one")
    reader = clients(served, "reader-token")
    assert reader.get("broker.positions", account_key="two") == []
    for action in ("broker.place_order", "broker.cancel_order", "broker.resolve_submission"):
        error = reader.refused(action, **ORDER, order_id="1", idempotency_key="k", write_action="broker.place_order")
        assert (error["code"], error["broker_called"]) == ("FORBIDDEN", False)
    own = clients(served, "one-token")
    assert own.get("broker.place_order", **ORDER)["order_id"] == "B1"  # type: ignore[index]
    assert own.refused("broker.positions", account_key="two")["code"] == "FORBIDDEN"
    assert own.get("admin.health")["value"]["accounts"] == ["one"]  # type: ignore[index]


@pytest.mark.parametrize("text", ["", "t:nobody", ":ro"])
def test_a_further_token_that_makes_no_sense_refuses_to_start(text: str) -> None:
    if not text:
        assert parse_tokens(TOKEN, text, frozenset(("main",))).grant("") is None
        return
    with pytest.raises(UsageError, match="附加令牌"):
        parse_tokens(TOKEN, text, frozenset(("main",)))


def test_tls_with_a_certificate_of_ours(serve: Serve, raw: Connect, tmp_path: Path) -> None:
    """W18: TLS settings are applied."""
    cert, key = tls.make_certificate(tmp_path / "certs", ["localhost", "127.0.0.1"], datetime(2026, 1, 5))
    assert key.stat().st_mode & 0o077 == 0
    served = serve(tls=tls.context(cert, key))
    trusting = ssl.create_default_context(cafile=str(cert))
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    peer = raw(served, trusting)
    peer.send({"type": "handshake", "token": TOKEN})
    assert peer.receive()["type"] == "handshake_ack"
    assert peer.get("broker.positions") == []


def test_half_a_tls_pair_and_a_second_certificate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="只给了一个"):
        tls.context(tmp_path / "a.crt", None)
    with pytest.raises(UsageError, match="无法使用"):
        tls.context(tmp_path / "a.crt", tmp_path / "a.key")
    tls.make_certificate(tmp_path, ["localhost"], datetime(2026, 1, 5))
    with pytest.raises(UsageError, match="已经存在"):
        tls.make_certificate(tmp_path, ["localhost"], datetime(2026, 1, 5))


def test_secrets_are_in_no_log_and_no_file(
    serve: Serve, clients: Connect, raw: Connect, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """P04: the marks appear in no output, journal or alert."""
    marks = [TOKEN, "reader-secret-mark", "987654321"]
    served = serve(accounts="main=987654321:stock", tokens="reader-secret-mark:ro")
    handlers = logs.set_up(served.clock, tmp_path / "server.log", True, marks)
    logging.getLogger("bullet_trade.server").setLevel(logging.DEBUG)
    client = clients(served)
    clients(served, "reader-secret-mark")
    client.get("broker.account")
    client.get("broker.place_order", **ORDER)
    client.refused("broker.place_order", **(ORDER | {"side": TOKEN}))
    client.get("admin.health")
    bad = raw(served)
    bad.send({"type": "handshake", "token": TOKEN + "x"})
    bad.receive()
    logging.getLogger("bullet_trade.server").error("stack with %s", TOKEN)
    served.stop()
    logs.take_down(handlers)
    out = "".join(capfd.readouterr())
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for mark in marks:
        assert mark not in out
        if mark != TOKEN:  # the test itself sent the token as an order's side, which the audit trail quotes
            assert mark.encode() not in files


@pytest.mark.parametrize(
    "text", ["main", "main=", "=1", "a=1,a=2", "a b=1", "x=;y"]
)  # fmt: skip
def test_accounts_that_cannot_be_read_refuse_to_start(text: str) -> None:
    with pytest.raises(UsageError, match="账户"):
        parse_accounts(text)


def test_a_windows_path_keeps_its_drive() -> None:
    """Case 62 of the behaviour list: the path was cut after the drive letter."""
    (spec,) = parse_accounts(r"main=123456:stock:C:\QMT\userdata_mini")
    assert (spec.account_type, spec.data_path) == ("stock", r"C:\QMT\userdata_mini")


@pytest.mark.parametrize("text", ["demo@nobody", "demo@main:limit=abc", "demo@main:5000", "demo@main:limit=-1"])
def test_a_sub_account_limit_that_cannot_be_read_refuses_to_start(text: str) -> None:
    with pytest.raises(UsageError, match="子账户"):
        parse_sub_accounts(text, parse_accounts("main=1"))
