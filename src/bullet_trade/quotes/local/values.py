"""How texts of source files become values: SQL macros for times, numbers and flags. NULL means: cannot be read."""

from __future__ import annotations

# Digits only: (pattern, SQL for the moment). Epochs are UTC, as QMT writes them; the store keeps Beijing time.
_DIGITS: tuple[tuple[str, str], ...] = (
    (r"\d{8}", "try_strptime(t, '%Y%m%d')"),
    (r"\d{10}", "epoch_ms(TRY_CAST(t AS BIGINT) * 1000) + INTERVAL 8 HOUR"),
    (r"\d{12}", "try_strptime(t, '%Y%m%d%H%M')"),
    (r"\d{13}", "epoch_ms(TRY_CAST(t AS BIGINT)) + INTERVAL 8 HOUR"),
    (r"\d{14}", "try_strptime(t, '%Y%m%d%H%M%S')"),
    (r"\d{14}\.\d{1,6}", "try_strptime(t, '%Y%m%d%H%M%S.%f')"),
    (r"\d{16}", "make_timestamp(TRY_CAST(t AS BIGINT)) + INTERVAL 8 HOUR"),
    (r"\d{17}", "try_strptime(t, '%Y%m%d%H%M%S%g')"),
    (r"\d{19}", "epoch_ms(TRY_CAST(t AS BIGINT) // 1000000) + INTERVAL 8 HOUR"),
)
_DAY = r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
_CLOCK = r"\d{1,2}:\d{1,2}(:\d{1,2}(\.\d{1,6})?)?"

BLANKS = ("", "nan", "none", "null", "nat", "n/a", "-", "--")
"""Texts that stand for no value, in lower case."""

TRUE_WORDS = ("1", "true", "t", "yes", "y", "是")
FALSE_WORDS = ("0", "false", "f", "no", "n", "否")


def _moment() -> str:
    digits = "\n".join(f"WHEN regexp_full_match(t, '{pattern}') THEN {sql}" for pattern, sql in _DIGITS)
    compact = r"regexp_replace(t, '^(\d{4})(\d{2})(\d{2})[ T]', '\1-\2-\3 ')"
    dashed = rf"regexp_replace({compact}, '^{_DAY}[ T]*', '\1-\2-\3 ')"
    plain = rf"trim(regexp_replace({dashed}, '\+08:?00$', ''))"
    written = rf"regexp_full_match({plain}, '\d{{4}}-\d{{1,2}}-\d{{1,2}}( +{_CLOCK})?')"
    return f"CASE {digits} WHEN {written} THEN TRY_CAST({plain} AS TIMESTAMP) END"


# 931, 93100 and 93100000: digits without the leading zero, as databases of exchange feeds write them.
_CLOCK_DIGITS = ((r"\d{3,4}", 4, "%H%M"), (r"\d{5,6}", 6, "%H%M%S"), (r"\d{8,9}", 9, "%H%M%S%g"))


def _clock() -> str:
    """SQL for the time of day on 2000-01-01."""
    digits = " ".join(
        f"WHEN regexp_full_match(whole(t), '{pattern}') "
        f"THEN try_strptime('20000101' || lpad(whole(t), {width}, '0'), '%Y%m%d{form}')"
        for pattern, width, form in _CLOCK_DIGITS
    )
    written = f"regexp_full_match(trim(t), '{_CLOCK}')"
    return f"WHEN {written} THEN TRY_CAST('2000-01-01 ' || trim(t) AS TIMESTAMP) {digits}"


MACROS: tuple[str, ...] = (
    # An integer column that passed through floats: 20250102.0
    r"CREATE MACRO whole(t) AS regexp_replace(trim(t), '^(\d+)\.0+$', '\1')",
    f"CREATE MACRO any_moment(t) AS {_moment()}",
    # A year outside means that the text was something else (931 o'clock, a price).
    """CREATE MACRO moment(t) AS
       CASE WHEN year(any_moment(whole(t))) BETWEEN 1990 AND 2999 THEN any_moment(whole(t)) END""",
    f"CREATE MACRO clock(t) AS CASE {_clock()} END - TIMESTAMP '2000-01-01'",
    """CREATE MACRO number(t) AS
       CASE WHEN isfinite(TRY_CAST(replace(trim(t), ',', '') AS DOUBLE))
       THEN TRY_CAST(replace(trim(t), ',', '') AS DOUBLE) END""",
    # Some exports write 5.9e-39 for zero; a count that is off by more than that is no count.
    "CREATE MACRO count_of(x) AS CASE WHEN abs(x - round(x)) < 1e-6 THEN CAST(round(x) AS BIGINT) END",
    f"""CREATE MACRO flag(t) AS CASE WHEN lower(whole(t)) IN {TRUE_WORDS} THEN true
        WHEN lower(whole(t)) IN {FALSE_WORDS} THEN false END""",
    f"CREATE MACRO filled(t) AS CASE WHEN lower(trim(t)) NOT IN {BLANKS} THEN trim(t) END",
)
