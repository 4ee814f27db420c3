"""Invented market data (合成行情) that need no file and no network: the embedded default source.

**Not real prices.** Codes are real where strategies expect them, company names are invented, prices never happened.
The source says so: `synthetic` is True, `label` reads 合成行情(种子 N), and whoever shows its prices shows that label.

Model
-----
Everything is a function of (seed, code, date). Random numbers come from a hashed counter (`streams`), so any day is
reached directly.

- Log price (`paths`): half-years from March and September have fixed end points, drawn around a slow wave; between them
  runs a tied-down walk over weekdays with t3 steps and volatility in clusters of 12 and 55 weekdays.
- Common factors (`levels`): market, growth and small size are such walks too; stocks, indices and funds load on them,
  and a fund that tracks an index shares its own walk as well.
- Days (`daily_path`, `limit_chain`): closes are whole ticks inside the limits of `market.price_limit`; a move beyond
  the limit seals the day and goes on the next. Distributions, bonus issues and suspensions: `actions`.
- Minutes (`minute_block`): a bridge from open to close with t5 steps, partly the market's own minutes, shaped by the
  measured profiles of `intraday`. Daily bars are the sums and extremes of the minutes. Indices: points, and their money
  is turnover at 12 yuan a share.
- Snapshots (`snapshots`): 20 a minute, ending in the minute bar, with a five-level book that is empty on one side at a
  limit.

What is guaranteed
------------------
The same seed, code and day give the same bytes, in any order of requests and for any list of sessions that agrees on
the days around. Only IEEE 754 operations with a fixed result (+ - * / and square root), running sums in a fixed order
and 64-bit integers are used, no math library and no numpy random generator, so results do not depend on the processor,
the system or the numpy version (on little-endian machines). A change of the model changes all prices: nothing may be
compared across versions of this package.

Calibration
-----------
Against recorded bars of 15 stocks: one-minute bars of 62 days (2025-11-12 to 2026-02-09) and daily bars from 2025-03-04
to 2026-02-27. Medians over codes, real | synthetic (`benchmarks/calibrate_synthetic.py` prints them and the profiles):

===============================================  ======  =========
daily deviation, %                                 1.47       1.70
daily kurtosis                                     7.8        8.0
tail index of returns (Hill, largest 5 %)          2.8        2.7
autocorrelation of absolute return, 1 day          0.06       0.06
overnight share of variance                        0.16       0.21
mean daily range / daily deviation                 1.32       1.31
deviation of log daily volume                      0.42       0.42
autocorrelation of log daily volume                0.67       0.61
correlation of log volume and absolute return      0.58       0.54
correlation of two stocks, daily returns           0.23       0.24
correlation of two stocks, minute returns          0.10       0.09
minute kurtosis                                   18.8       20.5
minute variance / intraday variance                1.17       1.23
wick / minute deviation                            0.19       0.18
bars that open at the close before                 0.40       0.49
deviation of log minute volume                     0.58       0.58
autocorrelation of log minute volume               0.46       0.51
first minute: volume, deviation (1 = average)     10.2, 4.0   9.9, 3.9
around noon: volume, deviation                     0.6, 0.8   0.6, 0.8
15:00: volume, deviation                           3.0, 1.0   3.0, 1.1
===============================================  ======  =========

Simplifications: indices follow the factors and are not computed from their members; the wide ones have fewer members
than in reality, as the universe has some 800 stocks. New listings have the usual limits from their first day. The
closing auction is there on every date. Funds and indices exist from 2005 on. A risk warning holds for the whole life.
"""

from bullet_trade.quotes.synthetic.synthetic_market import SyntheticMarket

__all__ = ["SyntheticMarket"]
