"""The indicators as formulas over bars. Source: the formula texts that the platform's library states, which are those
of the domestic terminals; TA-Lib computes an indicator wherever it uses the same formula.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import talib

from bullet_trade.ports.market_data import FloatArray
from bullet_trade.strategy.technical.series import ema, highest, lowest, mean, ref, slope, sma, spread, total

Lines = tuple[FloatArray, ...]


class Bars(NamedTuple):
    """Columns of bars in ascending order; prices in yuan, volume in shares, money in yuan."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    money: FloatArray


def _percent(part: FloatArray, whole: FloatArray) -> FloatArray:
    return part / whole * 100


def _bias(x: FloatArray, n: int) -> FloatArray:
    average = mean(x, n)
    return _percent(x - average, average)


def _true_range(b: Bars) -> FloatArray:
    before = ref(b.close, 1)
    return np.maximum(np.maximum(b.high - b.low, np.abs(before - b.high)), np.abs(before - b.low))


def _stochastic(b: Bars, n: int) -> FloatArray:
    low, high = lowest(b.low, n), highest(b.high, n)
    return _percent(b.close - low, high - low)


def _strength(x: FloatArray, n: int) -> FloatArray:
    change = x - ref(x, 1)
    return _percent(sma(np.maximum(change, 0.0), n), sma(np.abs(change), n))


def _rate(x: FloatArray) -> FloatArray:
    return _percent(x - ref(x, 1), ref(x, 1))


def accer(b: Bars, n: int) -> Lines:
    return (slope(b.close, n) / b.close,)


def adtm(b: Bars, n: int, m: int) -> Lines:
    before = ref(b.open, 1)
    up = np.where(b.open <= before, 0.0, np.maximum(b.high - b.open, b.open - before))
    down = np.where(b.open >= before, 0.0, np.maximum(b.open - b.low, b.open - before))
    ups, downs = total(up, n), total(down, n)
    line = np.where(ups > downs, (ups - downs) / ups, np.where(ups == downs, 0.0, (ups - downs) / downs))
    return line, mean(line, m)


def alligat(b: Bars) -> Lines:
    middle = (b.high + b.low) / 2
    return ref(mean(middle, 5), 3), ref(mean(middle, 8), 5), ref(mean(middle, 13), 8)


def amo(b: Bars, m1: int, m2: int) -> Lines:
    amount = b.money / 10_000
    return amount, mean(amount, m1), mean(amount, m2)


def atr(b: Bars, n: int) -> Lines:
    reach = _true_range(b)
    return reach, mean(reach, n)


def bbi(b: Bars, n1: int, n2: int, n3: int, n4: int) -> Lines:
    return ((mean(b.close, n1) + mean(b.close, n2) + mean(b.close, n3) + mean(b.close, n4)) / 4,)


def bbiboll(b: Bars, n: int, m: int) -> Lines:
    (middle,) = bbi(b, 3, 6, 12, 24)
    band = m * spread(middle, n)
    return middle, middle + band, middle - band


def bias(b: Bars, n1: int, n2: int, n3: int) -> Lines:
    return _bias(b.close, n1), _bias(b.close, n2), _bias(b.close, n3)


def bias_36(b: Bars, m: int) -> Lines:
    short = mean(b.close, 3) - mean(b.close, 6)
    return short, mean(b.close, 6) - mean(b.close, 12), mean(short, m)


def bias_ql(b: Bars, n: int, m: int) -> Lines:
    line = _bias(b.close, n)
    return line, mean(line, m)


def bollinger(b: Bars, n: int, up: float, down: float) -> Lines:
    upper, middle, lower = talib.BBANDS(b.close, n, up, down)
    return upper, middle, lower


def brar(b: Bars, n: int) -> Lines:
    before = ref(b.close, 1)
    br = _percent(total(np.maximum(0, b.high - before), n), total(np.maximum(0, before - b.low), n))
    return br, _percent(total(b.high - b.open, n), total(b.open - b.low, n))


def cci(b: Bars, n: int) -> Lines:
    return (talib.CCI(b.high, b.low, b.close, n),)


def cho(b: Bars, n1: int, n2: int, m: int) -> Lines:
    line = np.cumsum(b.volume * (2 * b.close - b.high - b.low) / (b.high + b.low))
    cho_line = mean(line, n1) - mean(line, n2)
    return cho_line, mean(cho_line, m)


def cr(b: Bars, n: int, m1: int, m2: int, m3: int, m4: int) -> Lines:
    middle = ref(b.high + b.low, 1) / 2
    line = _percent(total(np.maximum(0, b.high - middle), n), total(np.maximum(0, middle - b.low), n))
    return line, *(ref(mean(line, m), int(m / 2.5 + 1)) for m in (m1, m2, m3, m4))


def cye(b: Bars) -> Lines:
    short = mean(b.close, 5)
    return _rate(short), _rate(mean(mean(b.close, 20), 5))


def cyr(b: Bars, n: int, m: int) -> Lines:
    price = 0.01 * ema(b.money, n) / ema(b.volume, n)
    line = _rate(price)
    return line, mean(line, m)


def dma(b: Bars, n1: int, n2: int, m: int) -> Lines:
    line = mean(b.close, n1) - mean(b.close, n2)
    return line, mean(line, m)


def dmi(b: Bars, n: int, m: int) -> Lines:
    reach = total(_true_range(b), n)
    up, down = b.high - ref(b.high, 1), ref(b.low, 1) - b.low
    plus = _percent(total(np.where((up > 0) & (up > down), up, 0.0), n), reach)
    minus = _percent(total(np.where((down > 0) & (down > up), down, 0.0), n), reach)
    adx = mean(_percent(np.abs(minus - plus), minus + plus), m)
    return plus, minus, adx, (adx + ref(adx, m)) / 2


def dpo(b: Bars, n: int, m: int) -> Lines:
    line = b.close - ref(mean(b.close, n), n // 2 + 1)
    return line, mean(line, m)


def ema_line(b: Bars, n: int) -> Lines:
    return (ema(b.close, n),)


def emv(b: Bars, n: int, m: int) -> Lines:
    both = b.high + b.low
    move = 100 * (both - ref(both, 1)) / both
    line = mean(move * (mean(b.volume, n) / b.volume) * (b.high - b.low) / mean(b.high - b.low, n), n)
    return line, mean(line, m)


def ene(b: Bars, n: int, m1: int, m2: int) -> Lines:
    average = mean(b.close, n)
    upper, lower = (1 + m1 / 100) * average, (1 - m2 / 100) * average
    return upper, lower, (upper + lower) / 2


def expma(b: Bars, n1: int, n2: int, n3: int, n4: int) -> Lines:
    return ema(b.close, n1), ema(b.close, n2), ema(b.close, n3), ema(b.close, n4)


def hma(b: Bars, n: int) -> Lines:
    return (mean(b.high, n),)


def js(b: Bars, n: int, m1: int, m2: int, m3: int) -> Lines:
    line = 100 * (b.close - ref(b.close, n)) / (n * ref(b.close, n))
    return line, mean(line, m1), mean(line, m2), mean(line, m3)


def kdj(b: Bars, n: int, m1: int, m2: int) -> Lines:
    k = sma(_stochastic(b, n), m1)
    d = sma(k, m2)
    return k, d, 3 * k - 2 * d


def kd(b: Bars, n: int, m1: int, m2: int) -> Lines:
    return kdj(b, n, m1, m2)[:2]


def lb(b: Bars, n: int) -> Lines:
    return (b.volume / ref(mean(b.volume, n), 1),)


def lma(b: Bars, n: int) -> Lines:
    return (mean(b.low, n),)


def lwr(b: Bars, n: int, m1: int, m2: int) -> Lines:
    one = sma(100 - _stochastic(b, n), m1)
    return one, sma(one, m2)


def ma(b: Bars, n: int) -> Lines:
    return (mean(b.close, n),)


def _macd(x: FloatArray, short: int, long: int, middle: int) -> Lines:
    dif = ema(x, short) - ema(x, long)
    dea = ema(dif, middle)
    return dif, dea, 2 * (dif - dea)


def macd(b: Bars, short: int, long: int, middle: int) -> Lines:
    return _macd(b.close, short, long, middle)


def mass(b: Bars, n1: int, n2: int, m: int) -> Lines:
    reach = mean(b.high - b.low, n1)
    line = total(reach / mean(reach, n1), n2)
    return line, mean(line, m)


def mfi(b: Bars, n: int) -> Lines:
    return (talib.MFI(b.high, b.low, b.close, b.volume, n),)


def mike(b: Bars, n: int) -> Lines:
    middle = ref(mean((b.high + b.low + b.close) / 3, n), 1)
    high, low = ema(highest(b.high, n), 3), ema(lowest(b.low, n), 3)
    lines = (2 * high - low, middle + high - low, 2 * middle - low, 2 * middle - high, middle - high + low)
    return tuple(ema(line, 3) for line in (*lines, 2 * low - high))


def mtm(b: Bars, n: int) -> Lines:
    return (b.close - ref(b.close, n),)


def obv(b: Bars, n: int) -> Lines:
    return (total(np.sign(b.close - ref(b.close, 1)) * b.volume, n),)


def osc(b: Bars, n: int, m: int) -> Lines:
    line = 100 * (b.close - mean(b.close, n))
    return line, ema(line, m)


def pcnt(b: Bars, m: int) -> Lines:
    line = _percent(b.close - ref(b.close, 1), b.close)
    return line, ema(line, m)


def psy(b: Bars, n: int) -> Lines:
    return (_percent(total((b.close > ref(b.close, 1)).astype(float), n), np.full(len(b.close), float(n))),)


def qacd(b: Bars, n1: int, n2: int, m: int) -> Lines:
    dif = ema(b.close, n1) - ema(b.close, n2)
    signal = ema(dif, m)
    return dif, signal, dif - signal


def roc(b: Bars, n: int) -> Lines:
    return (_percent(b.close - ref(b.close, n), ref(b.close, n)),)


def rsi(b: Bars, n: int) -> Lines:
    return (_strength(b.close, n),)


def sar(b: Bars, acceleration: float, maximum: float) -> Lines:
    return (talib.SAR(b.high, b.low, acceleration, maximum),)


def skdj(b: Bars, n: int, m: int) -> Lines:
    k = ema(ema(_stochastic(b, n), m), m)
    return k, mean(k, m)


def slowkd(b: Bars, n: int, m1: int, m2: int, m3: int) -> Lines:
    k = sma(sma(_stochastic(b, n), m1), m2)
    return k, sma(k, m3)


def sma_line(b: Bars, n: int, m: int) -> Lines:
    return (sma(b.close, n, m),)


def trix(b: Bars, n: int, m: int) -> Lines:
    line = _rate(ema(ema(ema(b.close, n), n), n))
    return line, mean(line, m)


def udl(b: Bars, n1: int, n2: int, n3: int, n4: int, m: int) -> Lines:
    (line,) = bbi(b, n1, n2, n3, n4)
    return line, mean(line, m)


def uos(b: Bars, n1: int, n2: int, n3: int, m: int) -> Lines:
    before = ref(b.close, 1)
    high, low = np.maximum(b.high, before), np.minimum(b.low, before)
    one, two, three = (total(b.close - low, n) / total(high - low, n) for n in (n1, n2, n3))
    weights = n1 * n2 + n1 * n3 + n2 * n3
    line = (one * n2 * n3 + two * n1 * n3 + three * n1 * n2) * 100 / weights
    return line, ema(line, m)


def vma(b: Bars, n: int) -> Lines:
    return (mean((b.high + b.open + b.low + b.close) / 4, n),)


def vmacd(b: Bars, short: int, long: int, middle: int) -> Lines:
    return _macd(b.volume, short, long, middle)


def vol(b: Bars, m1: int, m2: int) -> Lines:
    return b.volume, mean(b.volume, m1), mean(b.volume, m2)


def vr(b: Bars, n: int, m: int) -> Lines:
    before = ref(b.close, 1)
    up = total(np.where(b.close > before, b.volume, 0.0), n)
    down = total(np.where(b.close < before, b.volume, 0.0), n)
    same = total(np.where(b.close == before, b.volume, 0.0), n)
    line = _percent(2 * up + same, 2 * down + same)
    return line, mean(line, m)


def vrsi(b: Bars, n1: int, n2: int, n3: int) -> Lines:
    return _strength(b.volume, n1), _strength(b.volume, n2), _strength(b.volume, n3)


def wr(b: Bars, n: int, n1: int) -> Lines:
    return 100 - _stochastic(b, n), 100 - _stochastic(b, n1)


def wvad(b: Bars, n: int, m: int) -> Lines:
    line = total((b.close - b.open) / (b.high - b.low) * b.volume, n) / 10_000
    return line, mean(line, m)
