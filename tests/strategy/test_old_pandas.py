"""What pandas and numpy have given up since strategies were written, and strategies still do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest

from bullet_trade.strategy.old_pandas import accept_old_idioms

DAY = date(2025, 12, 3)


@pytest.fixture(autouse=True, scope="module")
def _accepted() -> Iterator[None]:
    accept_old_idioms()
    accept_old_idioms()  # each run in a process does it again
    yield


def prices() -> pd.DataFrame:
    days = pd.date_range("2025-12-01", periods=4)
    return pd.DataFrame({"open": [1.0, 2.0, 3.0, 4.0], "close": [2.0, 2.0, 5.0, 3.0]}, index=days)


def long_table() -> pd.DataFrame:
    """As of ``get_price([...], panel=False)``."""
    days = list(pd.date_range("2025-12-01", periods=2))
    return pd.DataFrame({"time": days * 2, "code": ["a", "a", "b", "b"], "close": [1.0, 2.0, 3.0, 5.0]})


class TestDates:
    """`context.previous_date` and listing days are `date`s; a frame's times are not."""

    def test_a_column_or_index_of_times_compares_with_a_date_by_its_midnight(self) -> None:
        index = prices().index
        assert list(index < DAY) == [True, True, False, False]
        assert list(index == DAY) == [False, False, True, False]
        assert list(index.to_series() >= DAY) == [False, False, True, True]

    def test_so_does_a_single_time_from_either_side(self) -> None:
        time = prices().index[2]
        assert time == DAY
        assert time >= DAY
        assert time >= DAY
        assert (time != DAY) is False
        assert time > date(2025, 12, 2)
        assert time + pd.Timedelta(hours=9) != DAY

    def test_a_row_is_found_by_its_date(self) -> None:
        frame = prices()
        assert frame.loc[DAY, "close"] == frame["close"][DAY] == frame.at[DAY, "close"] == 5.0
        assert list(frame.loc[DAY:]["close"]) == [5.0, 3.0]
        assert frame.index.get_loc(DAY) == 2

    def test_times_still_compare_with_times(self) -> None:
        frame = prices()
        assert frame.index[1] < frame.index[2]
        assert (frame.index[0] == "yesterday") is False
        with pytest.raises(TypeError):
            assert frame.index[0] < 5


class TestArgumentsByPosition:
    def test_pivot_takes_index_columns_and_values(self) -> None:
        wide = long_table().pivot("time", "code", "close")  # type: ignore[misc]
        assert wide["b"].tolist() == [3.0, 5.0]

    def test_concat_drop_and_dropna_take_the_axis(self) -> None:
        frame = prices()
        assert pd.concat([frame, frame], 1).shape == (4, 4)  # type: ignore[misc]
        assert list(frame.drop("open", 1).columns) == ["close"]  # type: ignore[misc]
        assert frame.assign(x=np.nan).dropna(1).shape == (4, 2)  # type: ignore[misc]

    def test_sort_values_takes_axis_and_direction(self) -> None:
        assert list(prices().sort_values("close", 0, False)["close"]) == [5.0, 3.0, 2.0, 2.0]  # type: ignore[misc]
        assert prices()["close"].sort_values(0, False).iloc[0] == 5.0  # type: ignore[misc]

    def test_the_words_by_name_stay_as_they_are(self) -> None:
        assert list(prices().drop(columns="open").columns) == ["close"]
        assert prices().sort_values(by="close", ascending=False)["close"].iloc[0] == 5.0


class TestFigures:
    def test_columns_of_text_are_left_out(self) -> None:
        table = long_table()
        assert table.mean()["close"] == 2.75
        assert "code" not in table.corr().columns
        assert table.assign(name="x").groupby("code").mean()["close"].tolist() == [1.5, 4.0]

    def test_what_cannot_be_computed_still_raises(self) -> None:
        with pytest.raises(TypeError):
            long_table().mean(numeric_only=False)

    def test_resample_takes_how(self) -> None:
        assert prices()["close"].resample("2D", how="last").tolist() == [2.0, 3.0]  # type: ignore[call-arg]
        assert prices().resample("4D", how={"open": "first", "close": "max"}).iloc[0].tolist() == [1.0, 5.0]  # type: ignore[call-arg]


CLOSE = prices()["close"]


class TestRemovedWords:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("pd.rolling_mean(c, 2).iloc[-1]", 4.0),
            ("pd.rolling_mean(c.values, 2)[-1]", 4.0),
            ("pd.rolling_sum(c, window=2, min_periods=1).iloc[0]", 2.0),
            ("pd.rolling_apply(c, 2, lambda x: x[-1] - x[0]).iloc[-1]", -2.0),
            ("pd.rolling_quantile(c, 4, 0.5).iloc[-1]", 2.5),
            ("round(pd.rolling_corr(c, -c, 3).iloc[-1], 9)", -1.0),
            ("pd.expanding_max(c).iloc[-1]", 5.0),
            ("pd.ewma(c, span=3).iloc[1]", 2.0),
            ("pd.ewma(f, span=3)['close'].iloc[1]", 2.0),
            ("c.mad()", 1.0),
            ("f.get_value(f.index[0], 'close')", 2.0),
            ("f.lookup([f.index[2]], ['close'])[0]", 5.0),
            ("f.irow(2)['close']", 5.0),
            ("c.clip_upper(4).max()", 4.0),
            ("f.ix['2025-12-03', 'close']", 5.0),
            ("f.ix[c > 4, 'open'].iloc[0]", 3.0),
            ("f.select(lambda day: day.day == 3)['close'].iloc[0]", 5.0),
            ("pd.datetime(2025, 12, 3).day", 3),
            ("pd.np.mean([1, 3])", 2.0),
            ("np.trapz([1.0, 3.0])", 2.0),
            ("np.asscalar(np.float64(2))", 2.0),
            ("np.in1d([1, 2], [2]).sum()", 1),
            ("pd.Panel({'a': f, 'b': f * 2})['b']['close'].iloc[-1]", 6.0),
            ("pd.Panel({'a': f, 'b': f[:2]})['b']['close'].count()", 2),
            ("pd.Panel({'a': f}).minor_xs('close')['a'].iloc[-1]", 3.0),
        ],
    )
    def test_each_does_what_the_old_one_did(self, expression: str, expected: float) -> None:
        assert eval(expression, {"pd": pd, "np": np, "c": CLOSE, "f": prices()}) == expected
