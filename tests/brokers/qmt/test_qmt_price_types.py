"""Price types by exchange, protection prices, and prices on the finest step."""

from __future__ import annotations

import pytest
from station import needs_wheel

from bullet_trade.brokers.qmt.price_types import priced, refuses_market_types
from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.ports.broker import OrderTicket
from bullet_trade.testing.fake_qmt.install import install


def ticket(code, order_type, limit, side=Side.BUY):
    return OrderTicket("bt:a:1", Code(code), side, 100, order_type, limit)


@needs_wheel
@pytest.mark.parametrize(
    ("code", "constant"),
    [
        ("600519.XSHG", "MARKET_SH_CONVERT_5_CANCEL"),
        ("000001.XSHE", "MARKET_SZ_CONVERT_5_CANCEL"),
        ("920002.XBSE", "MARKET_SH_CONVERT_5_CANCEL"),
    ],
)
def test_a_market_order_is_best_five_rest_cancelled_with_its_protection_price(code, constant):
    from bullet_trade.brokers.qmt.wheel import load_wheel

    install()
    load_wheel()
    from xtquant import xtconstant

    expected = (getattr(xtconstant, constant), 10.15)
    assert priced(ticket(code, OrderType.MARKET, price("10.15")), market_types=True) == expected


def test_where_market_types_are_refused_it_is_a_limit_order_at_the_protection_price():
    assert priced(ticket("600519.XSHG", OrderType.MARKET, price("10.15")), market_types=False) == (11, 10.15)


def test_without_a_protection_price_a_market_order_stays_one():
    assert priced(ticket("000001.XSHE", OrderType.MARKET, Price(0)), market_types=False) == (47, 0.0)


@pytest.mark.parametrize(("side", "sent"), [(Side.BUY, 4.005), (Side.SELL, 4.006)])
def test_a_price_between_two_steps_moves_in_the_safe_direction(side, sent):
    """L07: a purchase down, a sale up."""
    assert priced(ticket("510300.XSHG", OrderType.LIMIT, Price(40055), side), market_types=True) == (11, sent)


def test_refusals_of_market_types_are_told_from_others():
    assert refuses_market_types("该账号不支持的报价类型")
    assert not refuses_market_types("可用资金不足")
