"""Every spelling of a code becomes one form, and goes back; what is ambiguous or wrong is said."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.securities import Exchange
from bullet_trade.market.codes import candidates, exchange_of, is_canonical, normalize, to_prefixed, to_qmt

SPELLINGS = {
    "600519.XSHG": [
        "600519.XSHG",
        "600519.SH",
        "600519.sh",
        "600519.SS",
        "600519.SSE",
        "sh600519",
        "SH600519",
    ],
    "000001.XSHE": [
        "000001.XSHE",
        "000001.SZ",
        "000001.SZSE",
        "sz000001",
        "SZ.000001",
        "sz.000001",
        "000001",
        1,
    ],
    "920002.XBSE": ["920002.XBSE", "920002.BJ", "920002.BSE", "920002.BJSE", "bj920002", "BJ.920002", 920002],
    "000001.XSHG": ["000001.XSHG", "000001.SH", "sh000001", "SH.000001"],
    "510300.XSHG": ["510300.SH", " 510300 ", 510300],
    "113050.XSHG": ["113050.SH", "113050"],
    "204001.XSHG": ["204001.SH", "204001"],
    "131810.XSHE": ["131810.SZ", "131810"],
}


@pytest.mark.parametrize(("text", "code"), [(text, code) for code, texts in SPELLINGS.items() for text in texts])
def test_every_spelling_becomes_one_form(text: str | int, code: str) -> None:
    assert normalize(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "60051",
        "6005190",
        "600519.XX",
        "xx600519",
        "茅台",
        "６００５１９",
        "600519SH",
        "sh600519.SZ",
        -1,
        1234567,
        True,
    ],
)
def test_what_is_no_code_is_refused_with_a_remedy(text: str | int) -> None:
    with pytest.raises(UsageError, match=re.escape(str(text))) as caught:
        normalize(text)
    assert "600519.XSHG" in str(caught.value)


@pytest.mark.parametrize(("text", "right"), [("600519.SZ", "600519.XSHG"), ("300750.SH", "300750.XSHE")])
def test_a_code_on_the_wrong_exchange_is_refused_and_the_right_one_named(text: str, right: str) -> None:
    with pytest.raises(UsageError, match=right):
        normalize(text)


def test_a_bare_code_of_no_exchange_is_refused() -> None:
    with pytest.raises(UsageError, match="999999"):
        normalize("999999")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("000001", ("000001.XSHE", "000001.XSHG")),
        ("000905", ("000905.XSHE", "000905.XSHG")),
        ("127045", ("127045.XSHE", "127045.XSHG")),
        ("600519", ("600519.XSHG",)),
        ("000001.SH", ("000001.XSHG",)),
        ("159915", ("159915.XSHE",)),
    ],
)
def test_an_ambiguous_bare_code_lists_all_readings_stocks_first(text: str, meant: tuple[str, ...]) -> None:
    assert candidates(text) == meant


@pytest.mark.parametrize(
    ("code", "qmt", "prefixed", "exchange"),
    [
        ("600519.XSHG", "600519.SH", "sh600519", Exchange.SSE),
        ("000001.XSHE", "000001.SZ", "sz000001", Exchange.SZSE),
        ("920002.XBSE", "920002.BJ", "bj920002", Exchange.BSE),
    ],
)
def test_the_inside_form_goes_out_in_every_style(code, qmt, prefixed, exchange) -> None:
    inside = normalize(code)
    assert (to_qmt(inside), to_prefixed(inside), exchange_of(inside)) == (qmt, prefixed, exchange)


KNOWN_DIGITS = st.sampled_from(["600", "688", "000", "300", "159", "510", "920", "123", "113", "204", "399", "180"])


@given(st.builds(lambda first, rest: f"{first}{rest:03d}", KNOWN_DIGITS, st.integers(0, 999)))
def test_round_trips_through_every_style(digits: str) -> None:
    for code in candidates(digits):
        assert normalize(to_qmt(code)) == normalize(to_prefixed(code)) == normalize(code) == code
        assert is_canonical(code)


@pytest.mark.parametrize("text", ["600519", "600519.SH", "sh600519", "600519.XSHG ", "60051a.XSHG"])
def test_only_the_inside_form_is_canonical(text: str) -> None:
    assert not is_canonical(text)
