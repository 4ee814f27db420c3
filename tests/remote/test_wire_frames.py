"""Frames, messages and payloads of the wire protocol, against the worked frames of its description. No socket."""

from __future__ import annotations

import json
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import Filled
from bullet_trade.domain.securities import Code
from bullet_trade.ports.quotes import Tick
from bullet_trade.remote import actions, body, features, market, messages, status, submissions, trading
from bullet_trade.remote.errors import FrameError, RemoteError
from bullet_trade.remote.frames import FRAME_LIMIT, FrameDecoder, frame
from bullet_trade.remote.messages import ErrorFrame, Event, HandshakeAck, Ping, Pong, Request, Response, Unsupported

_place = msgspec.json.Decoder(trading.PlaceOrder)


def place_of(text: str) -> trading.PlaceOrder:
    return trading.read_payload(_place, msgspec.Raw(text.encode()), write=True)


class TestFrames:
    def test_the_example_of_the_description(self) -> None:
        """Section 1: the body of 28 bytes starts with 00 00 00 1c."""
        example = b'{"type": "ping", "id": "p1"}'
        assert frame(example) == b"\x00\x00\x00\x1c" + example

    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(1, 9), max_size=80))
    def test_bodies_come_out_however_the_stream_is_cut(self, bodies: list[bytes], cuts: list[int]) -> None:
        stream = b"".join(map(frame, bodies))
        decoder, found = FrameDecoder(), []
        for size in [*cuts, len(stream)]:
            part, stream = stream[:size], stream[size:]
            decoder.feed(part)
            while (one := decoder.take()) is not None:
                found.append(one)
        assert found == bodies
        assert decoder.pending == 0

    @pytest.mark.parametrize("size", [0, FRAME_LIMIT + 1, 2**32 - 1])
    def test_a_length_out_of_bounds_is_refused_by_its_header_alone(self, size: int) -> None:
        decoder = FrameDecoder()
        decoder.feed(size.to_bytes(4, "big"))
        with pytest.raises(FrameError):
            decoder.take()

    @pytest.mark.parametrize("body_", [b"", bytes(FRAME_LIMIT + 1)], ids=["empty", "too-long"])
    def test_no_frame_is_made_that_no_peer_accepts(self, body_: bytes) -> None:
        with pytest.raises(FrameError):
            frame(body_)


WORKED_FROM_SERVER = {
    "frame_1_ack": (
        '{"type":"handshake_ack","session_id":"s0a1b2c3d4e5f","keepalive":20,"protocol":1,"features":["data","broker"]}',
        HandshakeAck,
    ),
    "frame_2_refused": ('{"type":"error","code":"AUTH_FAILED","message":"token 不匹配"}', ErrorFrame),
    "frame_4_nan": ('{"type":"response","id":"h-1","payload":{"records":[["a",11.09,NaN]]}}', Response),
    "frame_7_refusal": (
        '{"type":"error","id":"1","code":"ORDER_REJECTED","message":"停牌","broker_called":false}', ErrorFrame,
    ),
    "frame_10_tick": (
        '{"type":"event","event":"tick","payload":{"symbol":"518880.XSHG","last_price":9.874}}', Event,
    ),
    "frame_10_pong": ('{"type":"pong","id":"b7a5"}', Pong),
}  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), WORKED_FROM_SERVER.values(), ids=list(WORKED_FROM_SERVER))
def test_a_client_reads_the_worked_frames(text: str, kind: type[object]) -> None:
    assert isinstance(messages.read_from_server(text.encode()), kind)


class TestFromClient:
    def test_frame_1_the_handshake_of_a_deployed_client(self) -> None:
        found = messages.read_handshake(
            b'{"type":"handshake","token":"s3cr3t-7f1c","protocol":1,"features":["tick","order_stream"]}'
        )
        assert (found.token, found.features) == ("s3cr3t-7f1c", ("tick", "order_stream"))
        assert features.agreed(found.features) == ()

    def test_frame_6_a_limit_order_of_a_deployed_client(self) -> None:
        request = messages.read_from_client(
            b'{"type":"request","id":"140452635087986","action":"broker.place_order","payload":{"account_key":"main",'
            b'"sub_account_id":null,"security":"000001.XSHE","side":"BUY","amount":350,"style":{"type":"limit",'
            b'"price":10.95},"idempotency_key":"bt-helper-1f9c0d7a55e2b34c6a7788d0","wait_timeout":10,'
            b'"order_remark":"bt:grid:0c1d2e3f","unheard_of":{"deep":[1]}}}'
        )
        assert isinstance(request, Request)
        order = trading.read_payload(_place, request.payload, write=True)
        assert (trading.side_of(order), trading.whole_amount(order), trading.limit_of(order)) == (Side.BUY, 350, 10.95)
        assert trading.is_market(order) is False

    def test_frame_9_a_resolution_keeps_the_original_payload(self) -> None:
        decoder = msgspec.json.Decoder(trading.ResolveSubmission)
        found = decoder.decode(
            b'{"idempotency_key":"k","write_action":"broker.place_order","request_payload":{"security":"510300.XSHG",'
            b'"side":"SELL","amount":1000,"style":{"type":"market"}}}'
        )
        order = trading.read_payload(_place, found.request_payload)
        assert (trading.side_of(order), trading.is_market(order)) == (Side.SELL, True)

    def test_what_is_missing_gets_its_default(self) -> None:
        bare = messages.read_from_client(b'{"action":"x","payload":null}')
        assert isinstance(bare, Request)
        assert (bytes(bare.payload), bare.has_id) == (b"{}", False)
        assert isinstance(messages.read_from_client(b'{"type":"ping"}'), Ping)
        assert isinstance(messages.read_from_client(b'{"type":"hello"}'), Unsupported)

    @pytest.mark.parametrize(
        "text", [b"[1,2]", b"5", b"{bad", b'{"zz":"\xff"}', b"\xff", b'"x"', b'{"id":"' + b"x" * 2000 + b'"}']
    )
    def test_anything_else_is_no_message(self, text: bytes) -> None:
        with pytest.raises(FrameError):
            messages.read_from_client(text)

    @given(st.binary(max_size=80))
    def test_noise_raises_nothing_but_frame_errors(self, noise: bytes) -> None:
        for read in (messages.read_from_client, messages.read_handshake, messages.read_from_server):
            try:
                read(noise)
            except FrameError:
                continue

    def test_nesting_without_end_is_refused(self) -> None:
        with pytest.raises(FrameError):
            messages.read_from_client(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


class TestTokensThatAreNoNumbers:
    def test_an_answer_may_contain_them_and_strings_keep_theirs(self) -> None:
        text = b'{"type":"response","id":"NaN \\" Infinity","payload":[NaN,-Infinity,Infinity,"NaN"]}'
        found = messages.read_from_server(text)
        assert isinstance(found, Response)
        assert json.loads(bytes(found.payload)) == [None, None, None, "NaN"]
        assert json.loads(bytes(found.id)) == 'NaN " Infinity'

    @pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
    def test_a_price_that_is_none_never_becomes_an_order_without_price(self, token: str) -> None:
        request = messages.read_from_client(
            b'{"id":"1","action":"broker.place_order","payload":{"security":"000001.XSHE","side":"BUY","amount":100,'
            b'"style":{"type":"limit","price":' + token.encode() + b"}}}"
        )
        assert isinstance(request, Request)
        with pytest.raises(RemoteError) as raised:
            trading.read_payload(_place, request.payload, write=True)
        assert raised.value.broker_called is False


class TestOrders:
    @pytest.mark.parametrize("side", ["HOLD", "", "b", "卖出", "SELL "])
    def test_a_side_is_buy_or_sell(self, side: str) -> None:
        with pytest.raises(RemoteError):
            trading.side_of(place_of(json.dumps({"security": "x", "side": side})))
        assert trading.side_of(place_of('{"security":"x","side":"sell"}')) is Side.SELL
        assert trading.side_of(place_of('{"security":"x"}')) is Side.BUY

    @pytest.mark.parametrize("key", ["k", "bt-helper-1f9c", "9.a_b:c@d/e+f-g", "a" * 255])
    def test_keys_of_deployed_clients_are_accepted(self, key: str) -> None:
        assert submissions.check_key(key) == key

    @pytest.mark.parametrize("key", ["", " k", "k ", "-k", "a" * 256, "k\n", "键"])
    def test_other_keys_are_not(self, key: str) -> None:
        with pytest.raises(RemoteError):
            submissions.check_key(key)

    def test_wait_and_remark_do_not_make_another_order_but_the_price_does(self) -> None:
        def fingerprint(**changes: object) -> str:
            given_: dict[str, object] = {
                "security": "000001.XSHE",
                "side": "BUY",
                "style": {"type": "limit", "price": 10},
            }
            return submissions.place_fingerprint("main", "", place_of(json.dumps(given_ | changes)), 100)

        first = fingerprint()
        assert (
            fingerprint(wait_timeout=5, order_remark="x", side="buy", style={"type": "limit", "price": 10.0}) == first
        )
        assert fingerprint(style={"type": "limit", "price": 10.01}) != first
        assert fingerprint(style={"type": "market"}) != first
        assert fingerprint(side="SELL") != first


@pytest.mark.parametrize(
    ("number", "word", "final"),
    [
        (48, "new", False), (49, "new", False), (50, "open", False), (51, "canceling", False), (52, "canceling", False),
        (53, "partly_canceled", True), (54, "canceled", True), (55, "filling", False), (56, "filled", True),
        (57, "rejected", True), (86, "open", False), (255, "new", False),
    ],
)  # fmt: skip
def test_status_words(number: int, word: str, final: bool) -> None:
    """Section 14 with W12 corrected; H05: cancel-pending codes 51 and 52 are not final."""
    assert status.word(number) == word
    assert (word in status.FINAL) is final


def test_actions_have_a_fixed_table_and_the_spellings_of_old_servers() -> None:
    assert actions.canonical("data.get_history") == "data.history"
    assert actions.canonical("data.all_securities") == "data.get_all_securities"
    assert actions.canonical("broker.get_account_info") == "broker.account"
    assert actions.canonical("broker.connect") is None
    assert actions.canonical("data.__init__") is None


def test_a_report_travels_exactly() -> None:
    report = Filled("bt:a:1", "T1", 300, price(10.951), datetime(2026, 1, 5, 10, 0, 1, 5), money(5.01))
    sent = body.encode(trading.NumberedReport("main", 7, report))
    assert msgspec.json.decode(sent, type=trading.NumberedReport) == trading.NumberedReport("main", 7, report)


def test_a_tick_travels_exactly() -> None:
    five = (10.0, 9.99, 9.98, 9.97, 0.0)
    tick = Tick(
        code=Code("000001.XSHE"), datetime=datetime(2026, 1, 5, 10, 0, 3, 500_000), current=10.0, open=9.9, high=10.1,
        low=9.8, volume=12_300, money=123_000.0, ask_prices=five, ask_volumes=(1, 2, 3, 4, 5), bid_prices=five,
        bid_volumes=(5, 4, 3, 2, 1),
    )  # fmt: skip
    sent = body.encode(market.TickBatch([market.row_of(tick)], 2))
    back = msgspec.json.decode(sent, type=market.TickBatch)
    assert (market.tick_of(back.ticks[0]), back.conflated) == (tick, 2)
