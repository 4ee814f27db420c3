"""The envelopes: what a client may send, and what a server answers or pushes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bullet_trade.remote import body
from bullet_trade.remote.errors import FrameError

PROTOCOL = 1
KEEPALIVE_S = 20
ID_LIMIT = 1024
"""Longest request id, in bytes of JSON; it is echoed."""

NOTHING = msgspec.Raw(b"")
_EMPTY = (b"", b"null")
_FALSY = frozenset((b"", b"null", b"0", b'""', b"false", b"[]", b"{}", b"0.0", b"-0"))


# -- client to server --------------------------------------------------------------------------------------------------


class Seen(msgspec.Struct):
    """What a returning client has: report number `seq` of `account_key` on the server's report stream `stream`."""

    stream: str
    account_key: str
    seq: int


class Handshake(msgspec.Struct, omit_defaults=True, tag_field="type", tag="handshake"):
    """The first message of a client. `account_key` and `sub_account_id` are defaults for its requests."""

    token: str
    protocol: int
    features: tuple[str, ...]
    account_key: str | None = None
    sub_account_id: str | None = None
    resume: tuple[Seen, ...] = ()
    id: msgspec.Raw = NOTHING


class Request(msgspec.Struct, tag_field="type", tag="request"):
    """One question or command. `id` and `payload` are JSON values as they stand in the frame."""

    id: msgspec.Raw
    action: str
    payload: msgspec.Raw

    @property
    def has_id(self) -> bool:
        """Whether an answer is expected."""
        return bytes(self.id) not in _EMPTY


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """Asks for a `Pong`."""

    id: msgspec.Raw


class Unsupported(msgspec.Struct):
    """A message of a type that nobody knows."""

    id: msgspec.Raw
    type: str


class _FromClient(msgspec.Struct):
    type: object = "request"
    id: msgspec.Raw = NOTHING
    action: object = None
    payload: msgspec.Raw = NOTHING


class _RawHandshake(msgspec.Struct):
    type: object = None
    token: object = None
    features: object = None
    account_key: object = None
    sub_account_id: object = None
    resume: object = None
    id: msgspec.Raw = NOTHING


_from_client = msgspec.json.Decoder(_FromClient)
_raw_handshake = msgspec.json.Decoder(_RawHandshake)


def read_handshake(frame_body: bytes) -> Handshake:
    """The first message of a session. Raises `FrameError` for anything that is not a handshake."""
    try:
        raw = body.parse(_raw_handshake, frame_body, body.IN_REQUESTS)
    except msgspec.ValidationError as error:
        raise _not_the_protocol(error) from error
    _check_text(frame_body)
    if raw.type != "handshake":
        raise FrameError("连接的第一条消息不是 handshake")
    return Handshake(
        token=raw.token if isinstance(raw.token, str) else "",
        protocol=PROTOCOL,  # whatever is sent: features tell what a client can do
        features=tuple(one for one in raw.features if isinstance(one, str)) if isinstance(raw.features, list) else (),
        account_key=_text_or_none(raw.account_key),
        sub_account_id=_text_or_none(raw.sub_account_id),
        resume=_seen(raw.resume),
        id=_id(raw.id),
    )


def read_from_client(frame_body: bytes) -> Request | Ping | Unsupported:
    """A message of an established session. Raises `FrameError` for a body that is not a JSON object."""
    try:
        raw = body.parse(_from_client, frame_body, body.IN_REQUESTS)
    except msgspec.ValidationError as error:
        raise _not_the_protocol(error) from error
    _check_text(frame_body)
    number = _id(raw.id)
    if raw.type == "request":
        payload = raw.payload if bytes(raw.payload) not in _EMPTY else msgspec.Raw(b"{}")
        return Request(number, raw.action if isinstance(raw.action, str) else "", payload)
    if raw.type == "ping":
        return Ping(number if bytes(number) else msgspec.Raw(b"null"))
    return Unsupported(number, str(raw.type)[:100])


def _check_text(frame_body: bytes) -> None:
    # The fast reader skips fields that nobody asked for without looking at their encoding.
    if not frame_body.isascii():
        try:
            frame_body.decode()
        except UnicodeDecodeError as error:
            raise _not_the_protocol(error) from error


def _id(raw: msgspec.Raw) -> msgspec.Raw:
    if len(bytes(raw)) > ID_LIMIT:
        raise FrameError(f"请求 id 超过 {ID_LIMIT} 字节")
    return raw


def _seen(value: object) -> tuple[Seen, ...]:
    try:
        return msgspec.convert(value, tuple[Seen, ...]) if value is not None else ()
    except msgspec.ValidationError:  # nothing to go on with: the client is told so in the acknowledgement
        return ()


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _not_the_protocol(error: Exception) -> FrameError:
    return FrameError(f"对端报文不符合协议：{error}", "检查对端程序和端口是否正确")


# -- server to client --------------------------------------------------------------------------------------------------


class Resumed(msgspec.Struct):
    """How far the report stream of an account goes, and whether all reports after the client's last are sent."""

    account_key: str
    seq: int
    complete: bool


class HandshakeAck(msgspec.Struct, omit_defaults=True, tag_field="type", tag="handshake_ack"):
    """The session is open. Deployed clients are sent the first five fields only.

    `stream` names the life of the server's report numbers: they start again at 1 when it changes. `server_time` is
    exchange time.
    """

    session_id: str
    keepalive: float
    protocol: int
    features: tuple[str, ...]
    server_time: datetime | None = None
    stream: str | None = None
    accounts: tuple[str, ...] = ()
    resumed: tuple[Resumed, ...] = ()


class Response(msgspec.Struct, tag_field="type", tag="response"):
    """The answer to one request; `payload` is a JSON value."""

    id: msgspec.Raw
    payload: msgspec.Raw


class ErrorFrame(msgspec.Struct, omit_defaults=True, tag_field="type", tag="error"):
    """A request, or the handshake, was refused or failed."""

    code: str
    message: str
    id: msgspec.Raw = NOTHING
    broker_called: bool | None = None


class Event(msgspec.Struct, tag_field="type", tag="event"):
    """A push. Unknown names are to be ignored."""

    event: str
    payload: msgspec.Raw


class Pong(msgspec.Struct, omit_defaults=True, tag_field="type", tag="pong"):
    """The answer to a `Ping`."""

    id: msgspec.Raw
    server_time: datetime | None = None


FromServer = HandshakeAck | Response | ErrorFrame | Event | Pong

_from_server: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)


def read_from_server(frame_body: bytes) -> FromServer:
    """A message of a server. Raises `FrameError` for anything that is none."""
    try:
        return body.parse(_from_server, frame_body, body.IN_ANSWERS)
    except msgspec.ValidationError as error:
        raise _not_the_protocol(error) from error


def response_body(number: msgspec.Raw, payload: bytes) -> bytes:
    """A response around a payload that is JSON already."""
    return b'{"type":"response","id":%b,"payload":%b}' % (bytes(number), payload)


def error_body(number: msgspec.Raw, code: str, text: str, broker_called: bool | None = None) -> bytes:
    """An error frame; a falsy id is left out, as deployed servers do."""
    shown: dict[str, object] = {"type": "error", "code": str(code), "message": text}
    if bytes(number) not in _FALSY:
        shown["id"] = number
    if broker_called is not None:
        shown["broker_called"] = broker_called
    return body.encode(shown)


def event_body(name: str, payload: bytes) -> bytes:
    """An event around a payload that is JSON already."""
    return b'{"type":"event","event":"%b","payload":%b}' % (name.encode(), payload)


def pong_body(number: msgspec.Raw, server_time: datetime | None = None) -> bytes:
    """A pong; `server_time` only for a peer that knows it."""
    return body.encode(Pong(number, server_time))


def request_body(number: str, action: str, payload: msgspec.Struct | dict[str, object]) -> bytes:
    """A request of ours; `number` is echoed by the server."""
    return body.encode(Request(msgspec.Raw(body.encode(number)), action, msgspec.Raw(body.encode(payload))))
