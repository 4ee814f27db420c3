"""Tables in the encodings of deployed peers and in ours."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.remote import tables
from bullet_trade.remote.errors import FrameError
from bullet_trade.remote.tables import Table, read_table

DAYS = np.array(["2026-03-11", "2026-03-12"], dtype="datetime64[ms]")


def test_frame_4_two_daily_bars_of_one_code() -> None:
    made = tables.rows(Table(["open", "close"], [np.array([11.02, 11.09]), np.array([11.1, np.nan])], DAYS))
    expected = json.loads(
        '{"dtype":"dataframe","columns":["index","open","close"],"records":[["2026-03-11T00:00:00",11.02,11.1],'
        '["2026-03-12T00:00:00",11.09,NaN]],"index_columns":["index"],"index_names":[null],'
        '"index_type":"DatetimeIndex","index_dtypes":["datetime64[ns]"]}'
    )
    assert json.dumps(json.loads(made), sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_frame_5_two_codes_for_an_old_client() -> None:
    labels = [("close", "000001.XSHE"), ("close", "600000.XSHG")]
    made = tables.rows(Table(labels, [np.array([11.1, 11.15]), np.array([8.42, 8.4])], DAYS))
    assert json.loads(made) == {
        "dtype": "dataframe",
        "columns": ["('close', '000001.XSHE')", "('close', '600000.XSHG')"],
        "column_tuples": [["close", "000001.XSHE"], ["close", "600000.XSHG"]],
        "column_index_names": ["field", "code"],
        "records": [[11.1, 8.42], [11.15, 8.4]],
    }


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('{"dtype":"dataframe","columns":["(\'close\', \'a.X\')"],"records":[[1.0]]}', [("close", "a.X")]),
        ('{"dtype":"dataframe","columns":["(\'6.XSHG\', \'close\')"],"records":[[1.0]]}', [("close", "6.XSHG")]),
        ('{"dtype":"dataframe","columns":["open","(x"],"records":[[1.0,2.0]]}', ["open", "(x"]),
        ('{"dtype":"dataframe","columns":[],"records":[]}', []),
    ],
    ids=["labels-as-text", "code-first", "one-level", "empty"],
)  # fmt: skip
def test_what_old_servers_send_is_read(text: str, labels: list[object]) -> None:
    assert list(read_table(text.encode()).labels) == labels


def test_another_kind_of_answer_is_an_empty_table() -> None:
    assert len(read_table(b'{"dtype":"list","values":[1]}')) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"dtype":"dataframe","columns":["a"],"records":[[1,2]]}', "表头有 1 列，各行却有 [2] 格"),
        (
            '{"dtype":"dataframe","columns":["a"],"column_tuples":[["a","b"],["a","c"]],"records":[[1]]}',
            "表头有 1 列，column_tuples 却有 2 对",
        ),
        ('{"dtype":"dataframe","columns":["a"],"index_columns":["i"],"records":[[1]]}', "索引列 'i' 不在表头"),
        ('{"dtype":"dataframe","columns":5}', "$.columns"),
        (
            '{"dtype":"packed","columns":["a"],"rows":99999999999,"packed":[{"kind":"<f8","data":""}]}',
            "行数 99999999999",
        ),
        (
            '{"dtype":"packed","columns":["a"],"rows":3,"packed":[{"kind":"<f8","data":"eJwDAAAAAAE="}]}',
            "一列应有 24 字节（3 行），展开后只有 0",
        ),
        ('{"dtype":"packed","columns":["a"],"rows":1,"packed":[{"kind":"O","data":""}]}', "列的类型 'O' 未知"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(text: str, words: str) -> None:
    with pytest.raises(FrameError) as raised:
        read_table(text.encode())
    assert words in raised.value.text
    assert "升级" in raised.value.remedy


numbers = st.lists(st.floats(allow_infinity=False, width=64), min_size=1, max_size=6)


@given(numbers, st.booleans())
def test_numbers_and_times_travel_exactly_in_both_forms(values: list[float], two_level: bool) -> None:
    index = DAYS[0] + np.arange(len(values)).astype("timedelta64[s]")
    label: list[tables.Label] = [("close", "000001.XSHE")] if two_level else ["close"]
    table = Table(label, [np.array(values)], index)
    for made in (tables.rows(table, index_for_two_levels=True), tables.packed(table)):
        back = read_table(made)
        assert list(back.labels) == label
        assert np.array_equal(np.asarray(back.columns[0], dtype=float), np.array(values), equal_nan=True)
        assert np.array_equal(np.asarray(back.index), index)


def test_texts_flags_and_whole_numbers_keep_their_kind() -> None:
    table = Table(
        ["name", "flag", "count"], [["甲", None], np.array([True, False]), np.array([1, 2])], ["a", "b"], "code"
    )
    for made in (tables.rows(table), tables.packed(table)):
        back = read_table(made)
        assert back.columns[0] == ["甲", None]
        assert np.asarray(back.columns[1]).dtype == np.bool_
        assert np.asarray(back.columns[2]).dtype == np.int64
        assert (back.index, back.index_name) == (["a", "b"], "code")
