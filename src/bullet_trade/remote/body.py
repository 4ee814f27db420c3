"""JSON as the deployed peers write it: standard JSON, plus the tokens NaN, Infinity and -Infinity.

The tokens are rare, so the fast reader goes first; where it fails on a body that contains one, they are replaced
outside of strings. A peer that reads answers takes them for "no value" (null). A server that reads requests replaces
them by a text, which no numeric field accepts: an order at the price NaN must fail, not become an order without price.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from bullet_trade.remote.errors import FrameError

T = TypeVar("T")

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN', re.DOTALL)

IN_ANSWERS = b"null"
IN_REQUESTS = b'"NaN"'

encode = msgspec.json.Encoder().encode
"""A message or payload as UTF-8 JSON."""


def parse(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw, not_a_number: bytes) -> T:
    """`body` as the decoder's type; `not_a_number` stands in for the three tokens.

    Raises `msgspec.ValidationError` for well-formed JSON of another shape, `FrameError` for everything else.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raw = bytes(body)
        if b"NaN" not in raw and b"Infinity" not in raw:
            raise FrameError(f"对端报文不是有效的 JSON：{error}", "检查对端程序和端口是否正确") from error
    return _parse_with_tokens(decoder, raw, not_a_number)


def _parse_with_tokens(decoder: msgspec.json.Decoder[T], raw: bytes, not_a_number: bytes) -> T:
    try:
        return decoder.decode(_TOKEN.sub(lambda found: found[0] if found[0][:1] == b'"' else not_a_number, raw))
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"对端报文不是有效的 JSON：{error}", "检查对端程序和端口是否正确") from error
