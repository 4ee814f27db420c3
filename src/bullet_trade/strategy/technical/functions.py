"""`jqlib.technical_analysis`: each indicator as a function ``NAME(security_list, check_date, <its periods>, unit='1d',
include_now=True, fq_ref_date=None)`` that gives a dict of values by code, or a tuple of dicts for several lines.

Last visible bar: as `get_bars` with ``end_dt=check_date``; a bare day means its end, never later than now.
`fq_ref_date` None takes unadjusted prices, as the platform's library does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import NamedTuple

import numpy as np
import pandas as pd

from bullet_trade.domain.errors import DataError
from bullet_trade.ports.market_data import FloatArray
from bullet_trade.strategy.current import session
from bullet_trade.strategy.data.moments import day_of
from bullet_trade.strategy.data.price_functions import get_bars
from bullet_trade.strategy.data.provider_functions import get_valuation
from bullet_trade.strategy.technical import formulas
from bullet_trade.strategy.technical.formulas import Bars, Lines
from bullet_trade.strategy.technical.series import ema, mean

WINDOW, EXPONENTIAL, SMOOTHED = 1, 8, 18
"""How many times the sum of its periods an indicator looks back: a window exactly once; a recursion until what it was
begun with has faded to one part in ten million (2/(n+1) and 1/n per bar)."""

MARGIN = 10
"""Bars beyond that, for references to earlier values."""

Value = dict[str, float]
Result = Value | tuple[Value, ...]


class Indicator(NamedTuple):
    """`periods` are its parameters after the date, with their defaults, in the platform's order."""

    formula: Callable[..., Lines]
    periods: Mapping[str, float]
    reach: int = WINDOW
    at_least: int = 0


_KDJ = {"N": 9, "M1": 3, "M2": 3}

INDICATORS: dict[str, Indicator] = {
    "ACCER": Indicator(formulas.accer, {"N": 8}),
    "ADTM": Indicator(formulas.adtm, {"N": 23, "M": 8}),
    "ALLIGAT": Indicator(formulas.alligat, {}, at_least=30),
    "AMO": Indicator(formulas.amo, {"M1": 5, "M2": 10}),
    "ATR": Indicator(formulas.atr, {"timeperiod": 14}),
    "BBI": Indicator(formulas.bbi, {"timeperiod1": 3, "timeperiod2": 6, "timeperiod3": 12, "timeperiod4": 24}),
    "BBIBOLL": Indicator(formulas.bbiboll, {"N": 11, "M": 6}, at_least=60),
    "BIAS": Indicator(formulas.bias, {"N1": 6, "N2": 12, "N3": 24}),
    "BIAS_36": Indicator(formulas.bias_36, {"M": 6}, at_least=30),
    "BIAS_QL": Indicator(formulas.bias_ql, {"N": 6, "M": 6}),
    "Bollinger_Bands": Indicator(formulas.bollinger, {"timeperiod": 20, "nbdevup": 2, "nbdevdn": 2}),
    "BRAR": Indicator(formulas.brar, {"N": 26}),
    "CCI": Indicator(formulas.cci, {"N": 14}),
    "CHO": Indicator(formulas.cho, {"N1": 10, "N2": 20, "M": 6}),
    "CR": Indicator(formulas.cr, {"N": 26, "M1": 10, "M2": 20, "M3": 40, "M4": 62}),
    "CYE": Indicator(formulas.cye, {}, at_least=40),
    "CYR": Indicator(formulas.cyr, {"N": 13, "M": 5}, EXPONENTIAL),
    "DMA": Indicator(formulas.dma, {"N1": 10, "N2": 50, "M": 10}),
    "DMI": Indicator(formulas.dmi, {"N": 14, "MM": 6}, at_least=60),
    "DPO": Indicator(formulas.dpo, {"N": 20, "M": 6}, at_least=60),
    "EMA": Indicator(formulas.ema_line, {"timeperiod": 30}, EXPONENTIAL),
    "EMV": Indicator(formulas.emv, {"N": 14, "M": 9}, at_least=60),
    "ENE": Indicator(formulas.ene, {"N": 25, "M1": 6, "M2": 6}),
    "EXPMA": Indicator(formulas.expma, {"MM1": 5, "MM2": 10, "MM3": 20, "MM4": 60}, EXPONENTIAL),
    "HMA": Indicator(formulas.hma, {"timeperiod": 12}),
    "JS": Indicator(formulas.js, {"N": 5, "M1": 5, "M2": 10, "M3": 20}),
    "KD": Indicator(formulas.kd, _KDJ, SMOOTHED),
    "KDJ": Indicator(formulas.kdj, _KDJ, SMOOTHED),
    "LB": Indicator(formulas.lb, {"N": 5}),
    "LMA": Indicator(formulas.lma, {"timeperiod": 12}),
    "LWR": Indicator(formulas.lwr, _KDJ, SMOOTHED),
    "MA": Indicator(formulas.ma, {"timeperiod": 5}),
    "MACD": Indicator(formulas.macd, {"SHORT": 12, "LONG": 26, "MID": 9}, EXPONENTIAL),
    "MASS": Indicator(formulas.mass, {"N1": 9, "N2": 25, "M": 6}, at_least=60),
    "MFI": Indicator(formulas.mfi, {"timeperiod": 14}),
    "MIKE": Indicator(formulas.mike, {"timeperiod": 10}, at_least=80),
    "MTM": Indicator(formulas.mtm, {"timeperiod": 14}),
    "OBV": Indicator(formulas.obv, {"timeperiod": 30}),
    "OSC": Indicator(formulas.osc, {"N": 20, "M": 6}, EXPONENTIAL),
    "PCNT": Indicator(formulas.pcnt, {"M": 5}, EXPONENTIAL),
    "PSY": Indicator(formulas.psy, {"timeperiod": 12}),
    "QACD": Indicator(formulas.qacd, {"N1": 12, "N2": 26, "M": 9}, EXPONENTIAL),
    "ROC": Indicator(formulas.roc, {"timeperiod": 12}),
    "RSI": Indicator(formulas.rsi, {"N1": 6}, SMOOTHED),
    "SAR": Indicator(formulas.sar, {"acceleration": 0.02, "maximum": 0.2}, at_least=250),
    "SKDJ": Indicator(formulas.skdj, {"N": 9, "M": 3}, EXPONENTIAL),
    "SLOWKD": Indicator(formulas.slowkd, {**_KDJ, "M3": 3}, SMOOTHED),
    "SMA": Indicator(formulas.sma_line, {"N": 7, "M": 1}, SMOOTHED),
    "TRIX": Indicator(formulas.trix, {"N": 12, "M": 9}, EXPONENTIAL),
    "UDL": Indicator(formulas.udl, {"N1": 3, "N2": 5, "N3": 10, "N4": 20, "M": 6}),
    "UOS": Indicator(formulas.uos, {"N1": 7, "N2": 14, "N3": 28, "M": 6}, EXPONENTIAL),
    "VMA": Indicator(formulas.vma, {"timeperiod": 12}),
    "VMACD": Indicator(formulas.vmacd, {"SHORT": 12, "LONG": 26, "MID": 9}, EXPONENTIAL),
    "VOL": Indicator(formulas.vol, {"M1": 5, "M2": 10}),
    "VR": Indicator(formulas.vr, {"N": 26, "M": 6}),
    "VRSI": Indicator(formulas.vrsi, {"N1": 6, "N2": 12, "N3": 24}, SMOOTHED),
    "WR": Indicator(formulas.wr, {"N": 10, "N1": 6}),
    "WVAD": Indicator(formulas.wvad, {"N": 24, "M": 6}),
}
"""By the platform's name. Those that need the capital of a company are functions of their own below."""

_FIELDS = list(Bars._fields)


def technical_function(name: str) -> Callable[..., Result]:
    """The function of one indicator, with the platform's signature."""
    indicator = INDICATORS[name]
    signature = _signature(indicator.periods)

    def compute(*args: object, **kwargs: object) -> Result:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        periods = [given[period] for period in indicator.periods]
        rows = indicator.reach * sum(int(period) for period in periods) + MARGIN
        tables = _bars(given, max(rows, indicator.at_least))
        found = {code: _last(indicator.formula, bars, periods) for code, bars in tables.items()}
        lines = max((len(values) for values in found.values()), default=1)
        results = tuple({code: values[line] for code, values in found.items()} for line in range(lines))
        return results if lines > 1 else results[0]

    compute.__name__ = compute.__qualname__ = name
    compute.__doc__ = f"{name} of each security at `check_date`; see the module."
    compute.__signature__ = signature  # type: ignore[attr-defined]  # read by inspect
    return compute


def _signature(periods: Mapping[str, float]) -> Signature:
    kind = Parameter.POSITIONAL_OR_KEYWORD
    tail: dict[str, object] = {**periods, "unit": "1d", "include_now": True, "fq_ref_date": None}
    return Signature(
        [Parameter("security_list", kind), Parameter("check_date", kind)]
        + [Parameter(name, kind, default=default) for name, default in tail.items()]
    )


def _bars(given: dict[str, object], rows: int) -> dict[str, Bars]:
    codes = given["security_list"]
    wanted = [codes] if isinstance(codes, str) else [str(code) for code in codes]  # type: ignore[attr-defined]
    tables = get_bars(
        wanted, rows, str(given["unit"]), _FIELDS, bool(given["include_now"]), given["check_date"],  # type: ignore[arg-type]
        given["fq_ref_date"],
    )  # fmt: skip
    assert isinstance(tables, dict)
    return {code: Bars(*(np.ascontiguousarray(table[field]) for field in _FIELDS)) for code, table in tables.items()}


def _last(formula: Callable[..., Lines], bars: Bars, periods: list[object]) -> tuple[float, ...]:
    if len(bars.close) == 0:
        # Not listed yet: as many lines as the formula has, none with a value.
        return tuple(float("nan") for _ in formula(Bars(*(np.ones(2) for _ in _FIELDS)), *periods))
    with np.errstate(all="ignore"):
        return tuple(float(line[-1]) for line in formula(bars, *periods))


def HSL(  # noqa: N802 - the platform's name
    security_list: str | list[str],
    check_date: object,
    N: int = 5,  # noqa: N803
    unit: str = "1d",
    include_now: bool = True,
    fq_ref_date: object = None,
) -> tuple[Value, Value]:
    """Turnover rate in percent, and its mean over `N` bars. Needs the floating capital from the research provider."""
    rates = _turnover(security_list, check_date, N + MARGIN, unit, include_now)
    return {code: _tail(rate) for code, rate in rates.items()}, {
        code: _tail(mean(rate, N)) for code, rate in rates.items()
    }


def CYF(  # noqa: N802
    security_list: str | list[str],
    check_date: object,
    N: int = 21,  # noqa: N803
    unit: str = "1d",
    include_now: bool = True,
    fq_ref_date: object = None,
) -> Value:
    """Market energy, 100 - 100 / (1 + EMA(turnover rate, N)). Needs the floating capital, as `HSL`."""
    rates = _turnover(security_list, check_date, EXPONENTIAL * N + MARGIN, unit, include_now)
    return {code: _tail(100 - 100 / (1 + ema(rate, N))) for code, rate in rates.items()}


def _turnover(
    security_list: str | list[str], check_date: object, rows: int, unit: str, include_now: bool
) -> dict[str, FloatArray]:
    given: dict[str, object] = {
        "security_list": security_list,
        "check_date": check_date,
        "unit": unit,
        "include_now": include_now,
        "fq_ref_date": None,
    }
    bars = _bars(given, rows)
    capital = _floating_shares(list(bars), min(day_of(check_date), session().logical_now().date()))
    return {code: one.volume / capital[code] * 100 for code, one in bars.items()}


def _floating_shares(codes: list[str], day: object) -> dict[str, float]:
    frame = get_valuation(codes, end_date=day, fields=["circulating_cap"], count=1)  # type: ignore[arg-type]
    if not isinstance(frame, pd.DataFrame) or not {"code", "circulating_cap"} <= set(frame.columns):
        raise DataError(
            "HSL 需要流通股本，估值表里没有 circulating_cap", "在数据表 valuation 里加入 circulating_cap（万股）"
        )
    found = {str(code): float(cap) * 10_000 for code, cap in zip(frame["code"], frame["circulating_cap"], strict=True)}
    return {code: found.get(code, float("nan")) for code in codes}


def _tail(line: FloatArray) -> float:
    return float(line[-1]) if len(line) else float("nan")


FUNCTIONS: dict[str, Callable[..., object]] = {name: technical_function(name) for name in INDICATORS} | {
    "BOLL": technical_function("Bollinger_Bands"),
    "HSL": HSL,
    "CYF": CYF,
}
NEEDS_PROVIDER = frozenset({"HSL", "CYF"})
