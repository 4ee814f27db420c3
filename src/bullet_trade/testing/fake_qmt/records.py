"""The native module's records: attributes in two spellings (`m_nOrderID` and `order_id`) that refuse wrong types, as
compiled setters do. Names are those of the vendor's manual and of its Python layer."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import ClassVar

Value = str | int | float | bool

_DEFAULTS: dict[str, Value] = {"s": "", "i": 0, "d": 0.0, "b": False}


def _checked(kind: str, name: str, value: object) -> Value:
    wrong = TypeError(f"{name}: {type(value).__name__} does not fit")
    if kind == "s":
        if not isinstance(value, str):
            raise wrong
        return value
    if kind == "d":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong
        return float(value)
    if kind == "b":
        return bool(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong
    return operator.index(value)


class Record:
    """Base of all. `FIELDS` gives the kind of each native name, `ALIASES` the native name for each other spelling."""

    FIELDS: ClassVar[Mapping[str, str]] = {}
    ALIASES: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **values: object) -> None:
        for name, kind in self.FIELDS.items():
            object.__setattr__(self, name, _DEFAULTS[kind])
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        native = self.ALIASES.get(name, name)
        if native not in self.FIELDS:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        object.__setattr__(self, native, _checked(self.FIELDS[native], native, value))

    def __getattr__(self, name: str) -> Value:  # only where the native spelling was not used
        native = type(self).ALIASES.get(name)
        if native is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        found: Value = object.__getattribute__(self, native)
        return found

    def spoil(self, name: str, value: object) -> None:
        """Put in what a correct terminal never would."""
        object.__setattr__(self, self.ALIASES.get(name, name), value)


_ACCOUNT = "m_nAccountType account_type, m_strAccountID account_id"
_WHAT = "m_strStockCode stock_code, m_nOrderType order_type"
_WHOSE = "m_strStrategyName strategy_name, m_strOrderRemark order_remark"

# name of the record -> native names, each with its other spelling where it has one
TABLE: dict[str, str] = {
    "SubscribeReq": _ACCOUNT,
    "UnsubscribeReq": _ACCOUNT,
    "QueryStockAssetReq": _ACCOUNT,
    "QueryStockTradesReq": _ACCOUNT,
    "QueryAccountInfosReq": "",
    "QueryAccountStatusReq": "",
    "QueryStockOrdersReq": f"{_ACCOUNT}, m_nOrderID order_id, m_bCanCancel can_cancel",
    "QueryStockPositionsReq": f"{_ACCOUNT}, m_strStockCode stock_code, m_strStockCode1 stock_code1",
    "OrderStockReq": f"{_ACCOUNT}, {_WHAT}, {_WHOSE}, m_nOrderVolume order_volume, m_nPriceType price_type, "
    "m_dPrice price, m_strOrderRemarkNew, m_dOrderAmount, m_strStockCode1, m_strAccountID1",
    "OrderStockResp": f"m_strAccountID, m_nOrderID, {_WHOSE}, m_strErrorMsg",
    "CancelOrderStockReq": f"{_ACCOUNT}, m_nOrderID order_id, m_nMarket market, m_strMarket, m_strOrderSysID",
    "CancelOrderStockResp": "m_strAccountID, m_nCancelResult, m_nOrderID, m_strOrderSysID, m_strErrorMsg",
    "XtAccountStatus": f"{_ACCOUNT}, m_nStatus status",
    "XtAccountInfo": f"{_ACCOUNT}, m_nBrokerType broker_type, m_nPlatformID platform_id, m_nStatus login_status",
    "XtAsset": f"{_ACCOUNT}, m_dCash cash, m_dFrozenCash frozen_cash, m_dMarketValue market_value, "
    "m_dTotalAsset total_asset, m_dFetchBalance fetch_balance",
    "XtOrder": f"{_ACCOUNT}, {_WHAT}, {_WHOSE}, m_nOrderID order_id, m_strOrderSysID order_sysid, "
    "m_nOrderTime order_time, m_nOrderVolume order_volume, m_nPriceType price_type, m_dPrice price, "
    "m_nTradedVolume traded_volume, m_dTradedPrice traded_price, m_nOrderStatus order_status, "
    "m_strStatusMsg status_msg, m_nDirection direction, m_nOffsetFlag offset_flag",
    "XtTrade": f"{_ACCOUNT}, {_WHAT}, {_WHOSE}, m_strTradedID traded_id, m_nTradedTime traded_time, "
    "m_dTradedPrice traded_price, m_nTradedVolume traded_volume, m_dTradedAmount traded_amount, "
    "m_nOrderID order_id, m_strOrderSysID order_sysid, m_nDirection direction, m_nOffsetFlag offset_flag, "
    "m_dCommission commission",
    "XtPosition": f"{_ACCOUNT}, m_strStockCode stock_code, m_nVolume volume, m_nCanUseVolume can_use_volume, "
    "m_dOpenPrice open_price, m_dAvgPrice avg_price, m_dMarketValue market_value, m_nFrozenVolume frozen_volume, "
    "m_nOnRoadVolume on_road_volume, m_nYesterdayVolume yesterday_volume",
    "XtOrderError": f"{_ACCOUNT}, {_WHOSE}, m_nOrderID order_id, m_nErrorID error_id, m_strErrorMsg error_msg, "
    "m_nSeq seq",
    "XtCancelError": f"{_ACCOUNT}, m_nOrderID order_id, m_nMarket market, m_strOrderSysID order_sysid, "
    "m_nErrorID error_id, m_strErrorMsg error_msg",
}


def _made(name: str, spelling: str) -> type[Record]:
    pairs = [part.split() for part in spelling.split(",") if part.strip()]
    fields = {words[0]: words[0][2:3].lower() for words in pairs}  # m_str.. m_n.. m_d.. m_b..
    kinds = {native: "i" if kind == "n" else kind for native, kind in fields.items()}
    aliases = {words[1]: words[0] for words in pairs if len(words) > 1}
    return type(name, (Record,), {"FIELDS": kinds, "ALIASES": aliases})


RECORDS: dict[str, type[Record]] = {name: _made(name, spelling) for name, spelling in TABLE.items()}
