"""Print figures of the real bars beside those of the synthetic market. Run: python benchmarks/calibrate_synthetic.py.

Needs the recorded bars in ``../shared/data`` beside the project root; without them only the synthetic column is
printed. Figures are medians over codes unless the name says otherwise. Daily figures: stocks with 200 days or more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import exchange_calendars
import numpy as np
from numpy.typing import NDArray

from bullet_trade.quotes.synthetic import SyntheticMarket

FloatArray = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
DAILY_WINDOW = date(2025, 3, 4), date(2026, 2, 27)
MINUTE_WINDOW = date(2025, 11, 12), date(2026, 2, 9)
SYNTHETIC_CODES = 60
FEWEST_DAYS = 200
TAIL_SHARE = 0.05
BUCKETS = (0, 1, 2, 5, 10, 20, 30, 45, 60, 90, 119, 120, 121, 125, 150, 180, 210, 225, 236, 237, 239, 240)


class Days(NamedTuple):
    """Daily bars of one code; `key` aligns days of several codes."""

    key: NDArray[np.datetime64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    prev_close: FloatArray


class Minutes(NamedTuple):
    """Minute bars of one code, shape (days, 240)."""

    key: NDArray[np.datetime64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


def main() -> None:
    """Print the table."""
    synthetic = {**daily_figures(synthetic_days()), **minute_figures(synthetic_minutes())}
    if DATA.is_dir():
        real = {**daily_figures(real_days()), **minute_figures(real_minutes())}
    else:
        print(f"{DATA} is missing: no real figures")
        real = {}
    print(f"{'figure':44} {'real':>9} {'synthetic':>9}")
    for name, value in synthetic.items():
        print(f"{name:44} {real.get(name, float('nan')):9.3f} {value:9.3f}")


def daily_figures(codes: list[Days]) -> dict[str, float]:
    """Figures of daily bars."""
    rows = [_daily_row(days) for days in codes]
    found = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
    found["share of days that close at a limit, mean %"] = float(np.mean([_limit_share(days) for days in codes]))
    found["correlation of daily returns, mean of pairs"] = _pair_correlation(
        [(days.key, days.close / days.prev_close - 1) for days in codes]
    )
    return found


def _daily_row(days: Days) -> dict[str, float]:
    returns = days.close / days.prev_close - 1
    overnight, inside = days.open / days.prev_close - 1, days.close / days.open - 1
    size = np.abs(returns - returns.mean())
    tail = np.sort(size)[::-1][: max(int(len(size) * TAIL_SHARE), 5) + 1]
    volume = np.log(days.volume)
    return {
        "daily deviation %": returns.std() * 100,
        "daily kurtosis": _kurtosis(returns),
        "tail index (Hill, 5 %)": 1 / np.log(tail[:-1] / tail[-1]).mean(),
        "autocorrelation of |return|, 1 day": _lagged(size, 1),
        "autocorrelation of |return|, 5 days": _lagged(size, 5),
        "overnight share of variance": overnight.var() / (overnight.var() + inside.var()),
        "correlation overnight, intraday": np.corrcoef(overnight, inside)[0, 1],
        "mean range / daily deviation": ((days.high - days.low) / days.prev_close).mean() / returns.std(),
        "deviation of log daily volume": volume.std(),
        "autocorrelation of log daily volume": _lagged(volume, 1),
        "correlation of log volume, |return|": np.corrcoef(volume, size)[0, 1],
    }


def _limit_share(days: Days) -> float:
    move = np.abs(days.close / days.prev_close - 1)
    largest = 0.2 if move.max() > 0.108 else 0.1
    return float((move > largest - 0.004).mean() * 100)


def minute_figures(codes: list[Minutes]) -> dict[str, float]:
    """Figures of minute bars."""
    rows = [_minute_row(minutes) for minutes in codes]
    found = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
    found["correlation of minute returns, mean of pairs"] = _pair_correlation(
        [(minutes.key, _minute_returns(minutes)) for minutes in codes]
    )
    volume = np.mean([_volume_shape(minutes) for minutes in codes], axis=0)
    deviation = np.mean([_deviation_shape(minutes) for minutes in codes], axis=0)
    for first, last in itertools.pairwise(BUCKETS):
        found[f"volume, bars {first + 1} to {last}"] = float(volume[first:last].mean())
        found[f"deviation, bars {first + 1} to {last}"] = float(deviation[first:last].mean())
    return found


def _minute_row(minutes: Minutes) -> dict[str, float]:
    returns = _minute_returns(minutes)
    usual = np.sqrt((returns**2).mean())
    inside = minutes.close[:, -1] / minutes.open[:, 0] - 1
    top = np.maximum(minutes.open, minutes.close)
    bottom = np.minimum(minutes.open, minutes.close)
    traded = minutes.volume > 0
    shape = _volume_shape(minutes)
    continuous = slice(0, 236)
    noise = np.log(
        np.maximum(minutes.volume / minutes.volume.mean(axis=1, keepdims=True), 1e-3)[:, continuous] / shape[continuous]
    )
    gap = minutes.open[:, 1:] != minutes.close[:, :-1]
    return {
        "minute kurtosis": float((returns**4).mean() / usual**4),
        "autocorrelation of minute returns": _lagged_rows(returns),
        "sum of minute variance / intraday variance": float((returns**2).sum() / (inside**2).sum()),
        "upper wick / minute deviation": float(((minutes.high - top) / minutes.close)[traded].mean() / usual),
        "lower wick / minute deviation": float(((bottom - minutes.low) / minutes.close)[traded].mean() / usual),
        "share of bars that open at the close before": float(1 - gap.mean()),
        "deviation of log minute volume": float(noise.std(axis=1).mean()),
        "autocorrelation of log minute volume": _lagged_rows(noise),
        "share of bars without trade, mean %": float((minutes.volume == 0).mean() * 100),
    }


def _minute_returns(minutes: Minutes) -> FloatArray:
    before = np.concatenate([minutes.open[:, :1], minutes.close[:, :-1]], axis=1)
    return minutes.close / before - 1


def _volume_shape(minutes: Minutes) -> FloatArray:
    shape: FloatArray = (minutes.volume / minutes.volume.mean(axis=1, keepdims=True)).mean(axis=0)
    return shape


def _deviation_shape(minutes: Minutes) -> FloatArray:
    returns = _minute_returns(minutes)
    normed = returns / np.maximum(returns.std(axis=1, keepdims=True), 1e-12)
    shape: FloatArray = np.sqrt((normed**2).mean(axis=0))
    return shape


def _kurtosis(x: FloatArray) -> float:
    return float(((x - x.mean()) ** 4).mean() / x.var() ** 2)


def _lagged(x: FloatArray, lag: int) -> float:
    return float(np.corrcoef(x[lag:], x[:-lag])[0, 1])


def _lagged_rows(x: FloatArray) -> float:
    centred = x - x.mean(axis=1, keepdims=True)
    return float((centred[:, 1:] * centred[:, :-1]).sum() / (centred**2).sum())


def _pair_correlation(series: list[tuple[NDArray[np.datetime64], FloatArray]]) -> float:
    found = []
    for (left_key, left), (right_key, right) in itertools.combinations(series, 2):
        _, i, j = np.intersect1d(left_key, right_key, return_indices=True)
        if len(i) >= 20:
            found.append(np.corrcoef(left[i].ravel(), right[j].ravel())[0, 1])
    return float(np.mean(found))


def real_days() -> list[Days]:
    """Recorded daily bars of stocks inside the window."""
    text = (
        "select code, date, open, high, low, close, volume, prev_close from "
        f"'{DATA / 'bars_1d.parquet'}' where prev_close is not null and code not like '5%' and code not like '15%' "
        "and date between ? and ? order by code, date"
    )
    frame = duckdb.execute(text, list(DAILY_WINDOW)).df()
    codes = (part for _, part in frame.groupby("code") if len(part) >= FEWEST_DAYS)
    return [
        Days(
            part["date"].to_numpy().astype("datetime64[D]"),
            *(part[name].to_numpy(float) for name in Days._fields[1:]),
        )
        for part in codes
    ]


def real_minutes() -> list[Minutes]:
    """Recorded minute bars of stocks."""
    columns = "code, datetime, open, high, low, close, volume"
    text = f"select {columns} from '{DATA / 'bars_1m.parquet'}' order by code, datetime"
    frame = duckdb.execute(text).df()
    found = []
    for _, part in frame.groupby("code"):
        days = part["datetime"].to_numpy().astype("datetime64[D]").reshape(-1, 240)[:, 0]
        found.append(Minutes(days, *(part[name].to_numpy(float).reshape(-1, 240) for name in Minutes._fields[1:])))
    return found


def synthetic_market() -> SyntheticMarket:
    """Seed 1 over the exchange's sessions."""
    calendar = exchange_calendars.get_calendar("XSHG", start="2020-01-02")
    return SyntheticMarket(sessions=[stamp.date() for stamp in calendar.sessions])


def _sample(market: SyntheticMarket) -> Iterable[str]:
    """Stocks of the middle and upper sizes, as the recorded ones are."""
    members = market.index_members("000300.XSHG", MINUTE_WINDOW[0])
    return members[:: max(len(members) // SYNTHETIC_CODES, 1)]


def synthetic_days() -> list[Days]:
    """The same figures' input from the synthetic market."""
    market = synthetic_market()
    found = []
    for code in _sample(market):
        bars = market.daily(code, *DAILY_WINDOW)
        traded = ~bars.paused
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.prev_close)
        found.append(Days(bars.days[traded], *(column[traded].astype(float) for column in columns)))
    return found


def synthetic_minutes() -> list[Minutes]:
    """The same figures' input from the synthetic market."""
    market = synthetic_market()
    found = []
    for code in _sample(market):
        days = list(market.daily(code, *MINUTE_WINDOW).days)
        bars = [(day, market.minutes(code, day.astype(date))) for day in days]
        kept = [(day, one) for day, one in bars if one is not None]
        columns = (np.array([getattr(one, name) for _, one in kept], dtype=float) for name in Minutes._fields[1:])
        found.append(Minutes(np.array([day for day, _ in kept]), *columns))
    return found


if __name__ == "__main__":
    main()
