"""`Panel`: used as strategies used pandas' own, which knows no more."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from bullet_trade.strategy.data.panel import Panel

TIMES = pd.DatetimeIndex(["2025-01-02", "2025-01-03", "2025-01-06"])
CODES = pd.Index(["000001.XSHE", "600000.XSHG"], dtype=object)
FIELDS = pd.Index(["open", "close"], dtype=object)


@pytest.fixture
def panel() -> Panel:
    return Panel(np.arange(12.0).reshape(2, 3, 2), FIELDS, TIMES, CODES)


def test_a_field_is_a_frame_of_times_by_codes(panel: Panel) -> None:
    for frame in (panel["close"], panel.close, panel.loc["close"], panel.ix["close"], panel.iloc[1]):
        assert list(frame.index) == list(TIMES)
        assert list(frame.columns) == list(CODES)
        assert frame.to_numpy().tolist() == [[6.0, 7.0], [8.0, 9.0], [10.0, 11.0]]


def test_a_code_is_a_frame_of_times_by_fields(panel: Panel) -> None:
    for frame in (panel[:, :, "600000.XSHG"], panel.minor_xs("600000.XSHG"), panel.iloc[:, :, 1]):
        assert list(frame.columns) == ["open", "close"]
        assert frame["close"].tolist() == [7.0, 9.0, 11.0]


def test_a_time_is_a_frame_of_codes_by_fields(panel: Panel) -> None:
    for frame in (panel[:, "2025-01-03", :], panel.major_xs(TIMES[1]), panel.iloc[:, 1]):
        assert list(frame.index) == list(CODES)
        assert frame["open"].tolist() == [2.0, 3.0]


def test_two_places_give_a_series_and_three_a_number(panel: Panel) -> None:
    assert panel.loc["open", :, "000001.XSHE"].tolist() == [0.0, 2.0, 4.0]
    assert panel["open"]["000001.XSHE"].tolist() == [0.0, 2.0, 4.0]
    assert panel.iloc[0, -1, 0] == 4.0
    assert panel.loc["close", "2025-01-02":"2025-01-03", CODES].shape == (2, 2)


def test_several_fields_are_a_panel_again(panel: Panel) -> None:
    part = panel[["close"]]
    assert isinstance(part, Panel)
    assert part.shape == (1, 3, 2)


def test_iterating_gives_the_fields(panel: Panel) -> None:
    assert list(panel) == list(panel.keys()) == ["open", "close"]
    assert "open" in panel
    assert len(panel) == 2
    assert [name for name, _ in panel.iteritems()] == ["open", "close"]


def test_axes_have_their_names_and_can_change_places(panel: Panel) -> None:
    assert list(panel.items) == ["open", "close"]
    assert list(panel.major_axis) == list(TIMES)
    assert list(panel.minor_axis) == list(CODES)
    turned = panel.transpose(2, 1, 0)
    assert list(turned.items) == list(CODES)
    assert turned["600000.XSHG"]["close"].tolist() == [7.0, 9.0, 11.0]
    assert panel.swapaxes("items", "minor")["600000.XSHG"].equals(turned["600000.XSHG"])


def test_to_frame_has_a_row_per_time_and_code(panel: Panel) -> None:
    frame = panel.to_frame()
    assert frame.index.names == ["major", "minor"]
    assert frame.loc[(TIMES[1], "600000.XSHG")].tolist() == [3.0, 9.0]
    panel.values[0, 0, 0] = np.nan
    assert len(panel.to_frame()) == 5
    assert len(panel.to_frame(filter_observations=False)) == 6
    assert panel.fillna(0.0).open.iloc[0, 0] == 0.0


def test_a_field_can_be_added(panel: Panel) -> None:
    panel["range"] = panel["close"] - panel["open"]
    assert panel["range"].to_numpy().tolist() == [[6.0, 6.0]] * 3


def test_a_panel_survives_saving_and_copying(panel: Panel) -> None:
    assert pickle.loads(pickle.dumps(panel)).close.equals(panel.close)
    assert copy.copy(panel).close.equals(panel.close)


def test_a_missing_field_is_told_by_name(panel: Panel) -> None:
    with pytest.raises(AttributeError, match="volume"):
        _ = panel.volume
