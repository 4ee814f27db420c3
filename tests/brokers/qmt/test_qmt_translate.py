"""The terminal's objects as plain values: units, times, rows that are no trades, fields that are missing."""

from __future__ import annotations

from datetime import datetime

import pytest

from bullet_trade.brokers.qmt.fields import FieldError
from bullet_trade.brokers.qmt.messages import Query
from bullet_trade.brokers.qmt.translate import beijing_time, holdings, masked, order_news, rows_of, trade_news
from bullet_trade.domain.money import money, price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import HoldingRow
from bullet_trade.domain.securities import Code
from bullet_trade.testing.fake_qmt.records import RECORDS

MOUTAI = Code("600519.XSHG")


def order(**changed):
    fields = {"stock_code": "600519.SH", "order_type": 23, "order_volume": 200, "traded_volume": 100}
    return record(
        "XtOrder", **{**fields, "order_status": 55, "order_id": 7, "order_remark": "bt:a:00100001", **changed}
    )


def trade(**changed):
    fields = {"stock_code": "600519.SH", "order_type": 24, "traded_volume": 100, "traded_price": 1500.01}
    return record("XtTrade", **{**fields, "traded_id": "T1", "traded_time": 1748916005, "order_id": 7, **changed})


def position(**changed):
    fields = {"stock_code": "600519.SH", "volume": 300, "can_use_volume": 200, "avg_price": 1400.0}
    return record("XtPosition", **{**fields, **changed})


def record(kind, **fields):
    made = RECORDS[kind]()
    for name, value in fields.items():
        made.spoil(name, value)
    return made


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        (1748916005, datetime(2025, 6, 3, 10, 0, 5)),
        (1748916005123, datetime(2025, 6, 3, 10, 0, 5, 123000)),
        (0, None),
        (-1, None),
    ],
)
def test_seconds_and_milliseconds_become_beijing_time_whatever_the_machines_zone(stamp, at):
    assert beijing_time(stamp) == at


def test_an_order_is_read_with_side_shares_and_status():
    news = order_news(order())
    assert news is not None
    assert (news.code, news.side, news.amount, news.filled, news.status) == (MOUTAI, Side.BUY, 200, 100, 55)


def test_a_trade_has_its_price_in_whole_units_and_no_fee_until_the_counter_names_one():
    """C17: the price is the terminal's own, not computed."""
    news, charged = trade_news(trade()), trade_news(trade(commission=5.25))
    assert news is not None
    assert charged is not None
    assert (news.side, news.amount, news.price, news.fee) == (Side.SELL, 100, price("1500.01"), None)
    assert charged.fee == money("5.25")


@pytest.mark.parametrize(
    "changed",
    [{"traded_volume": 0}, {"traded_price": 0.0}, {"order_type": 134}, {"stock_code": "SHRQ88.SH"}],
    ids=["no shares", "no price", "ETF creation", "standard bond lots"],
)
def test_rows_that_are_no_executions_are_no_fills(changed):
    """C12."""
    assert trade_news(trade(**changed)) is None


@pytest.mark.parametrize("value", [None, float("nan"), "300", 300.5, True])
@pytest.mark.parametrize("name", ["volume", "can_use_volume"])
def test_a_quantity_that_is_missing_or_no_number_is_an_error_and_never_zero(name, value):
    """I02."""
    with pytest.raises(FieldError, match=name):
        holdings([position(**{name: value})])


def test_two_rows_of_one_security_are_one_position_at_the_average_cost():
    """I11: old and new shares come as two rows."""
    rows = holdings([position(), position(volume=100, can_use_volume=0, avg_price=1600.0)])
    assert rows == (HoldingRow(MOUTAI, 400, 200, price("1450")),)


def test_sold_out_positions_and_entries_without_a_security_are_left_out():
    assert holdings([position(volume=0, can_use_volume=0), position(stock_code="SHRQ88.SH")]) == ()


def test_none_stays_none_and_is_not_an_empty_list():
    assert rows_of(Query.ORDERS, None, "1") is None
    assert rows_of(Query.ORDERS, [], "1") == ()


def test_the_state_of_the_right_account_is_taken():
    """T02: a terminal may serve several accounts."""
    rows = [record("XtAccountStatus", account_id=one, account_type=2, status=s) for one, s in (("1", 3), ("2", 0))]
    assert rows_of(Query.STATUS, rows, "1") == 3
    connect = record("XtAccountStatus", account_id="2", account_type=7, status=3)  # the Hong Kong side of it
    assert rows_of(Query.STATUS, [connect, rows[1]], "2") == 0


def test_an_account_number_in_a_text_of_the_counter_is_masked():
    """I9, O06."""
    assert masked("账号8800123456可用资金不足", "8800123456") == "账号****3456可用资金不足"
