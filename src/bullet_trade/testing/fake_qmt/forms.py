"""The account's facts as the native records in which a terminal hands them out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bullet_trade.brokers.simulator.orders import CounterOrder
from bullet_trade.domain.money import Price, yuan
from bullet_trade.domain.orders import OrderType, Side
from bullet_trade.domain.reports import AccountSnapshot, HoldingRow, TradeRow
from bullet_trade.domain.securities import Code
from bullet_trade.market.codes import to_qmt
from bullet_trade.testing.fake_qmt.records import RECORDS, Record

STOCK = 2
LIMIT_TYPE = 11
_EPOCH = datetime(1970, 1, 1, 8)
_REPORTED_AS_LIMIT, _REPORTED_AS_MARKET = 50, 88
"""A terminal states other price types than it was given."""
_ORDER_TYPES = {Side.BUY: 23, Side.SELL: 24}
_OFFSETS = {Side.BUY: 48, Side.SELL: 49}


class Forms:
    """Fills in records for one account."""

    def __init__(self, account_id: str) -> None:
        self._own = {"account_type": STOCK, "account_id": account_id}
        self._account_id = account_id

    def order(self, order: CounterOrder) -> Record:
        """A line of the day's list, and a push."""
        ticket = order.ticket
        limit = ticket.order_type is OrderType.LIMIT
        return RECORDS["XtOrder"](
            **self._own,
            stock_code=to_qmt(ticket.code),
            order_type=_ORDER_TYPES[ticket.side],
            strategy_name="" if order.by_hand else "bullet-trade",
            order_remark=ticket.tag,
            order_id=int(order.broker_id),
            order_sysid=f"S{order.broker_id}",
            order_time=_stamp(order.since),
            order_volume=ticket.amount,
            price_type=_REPORTED_AS_LIMIT if limit else _REPORTED_AS_MARKET,
            price=yuan(ticket.limit_price),
            traded_volume=order.filled,
            traded_price=yuan(order.turnover) / order.filled if order.filled else 0.0,
            order_status=int(order.status),
            status_msg=order.reason,
            direction=48,
            offset_flag=_OFFSETS[ticket.side],
        )

    def trade(self, trade: TradeRow) -> Record:
        """A line of the day's fills, and a push."""
        return RECORDS["XtTrade"](
            **self._own,
            stock_code=to_qmt(trade.code),
            order_type=_ORDER_TYPES[trade.side],
            order_remark=trade.tag,
            traded_id=trade.trade_id,
            traded_time=_stamp(trade.at),
            traded_price=yuan(trade.price),
            traded_volume=trade.amount,
            traded_amount=yuan(trade.price * trade.amount),
            order_id=int(trade.broker_id),
            order_sysid=f"S{trade.broker_id}",
            direction=48,
            offset_flag=_OFFSETS[trade.side],
            commission=yuan(trade.fee or 0),
        )

    def position(self, row: HoldingRow, last: Price) -> Record:
        """A line of the positions."""
        return RECORDS["XtPosition"](
            **self._own,
            stock_code=to_qmt(row.code),
            volume=row.amount,
            can_use_volume=row.closeable,
            open_price=yuan(row.cost),
            avg_price=yuan(row.cost),
            market_value=yuan(last * row.amount),
            frozen_volume=row.amount - row.closeable,
        )

    def asset(self, snapshot: AccountSnapshot, prices: Mapping[Code, Price]) -> Record:
        """The account's money."""
        value = sum(yuan(prices[row.code] * row.amount) for row in snapshot.holdings)
        cash, frozen = yuan(snapshot.available), yuan(snapshot.frozen)
        return RECORDS["XtAsset"](
            **self._own,
            cash=cash,
            frozen_cash=frozen,
            market_value=value,
            total_asset=cash + frozen + value,
            fetch_balance=cash,
        )

    def status(self, status: int) -> Record:
        """The account's state."""
        return RECORDS["XtAccountStatus"](**self._own, status=status)

    def order_answer(self, request: Record, number: int, reason: str) -> Record:
        """The answer to an order; `number` -1 for a refusal."""
        return RECORDS["OrderStockResp"](
            m_strAccountID=self._account_id,
            m_nOrderID=number,
            m_strStrategyName=request.strategy_name,
            m_strOrderRemark=request.order_remark,
            m_strErrorMsg=reason,
        )

    def order_error(self, request: Record, seq: int, number: int, reason: str) -> Record:
        """The error that is pushed about an order."""
        return RECORDS["XtOrderError"](
            **self._own,
            order_id=number,
            error_id=-61,
            error_msg=reason,
            strategy_name=request.strategy_name,
            order_remark=request.order_remark,
            seq=seq,
        )

    def late_error(self, order: CounterOrder, reason: str) -> Record:
        """An error about an order that has a number."""
        return RECORDS["XtOrderError"](
            **self._own,
            order_id=int(order.broker_id),
            error_id=-61,
            error_msg=reason,
            order_remark=order.ticket.tag,
        )


def _stamp(at: datetime) -> int:
    return int((at - _EPOCH).total_seconds())
