"""Idioms of Python 2 and of old pandas and numpy in a strategy file, with their lines and what to write instead."""

from __future__ import annotations

import re
from typing import NamedTuple

from bullet_trade.strategy.source_text import code_lines


class Idiom(NamedTuple):
    """One old way of writing. `works`: it runs here all the same, because the engine gives the old word back."""

    line: int
    what: str
    remedy: str
    works: bool


class _Pattern(NamedTuple):
    regex: re.Pattern[str]
    what: str
    remedy: str
    works: bool = False


def _words(pattern: str, what: str, remedy: str, works: bool = False) -> _Pattern:
    return _Pattern(re.compile(pattern), what, remedy, works)


PYTHON_2 = (
    _words(r"^\s*print(\s+[^\s(=,.:\[]|\s*$)", "print 语句", "改成 print(...)"),
    _words(r"^\s*print\s*>>", "print >> 语句", "改成 print(..., file=...)"),
    _words(r"^\s*except\s+[^:]*[\w)]\s*,\s*\w+\s*:", "except X, e", "改成 except X as e"),
    _words(r"^\s*raise\s+[\w.]+\s*,", "raise X, '说明'", "改成 raise X('说明')"),
    _words(r"^\s*exec\s+[\"\w]", "exec 语句", "改成 exec(...)"),
    _words(r"<>", "<> 运算符", "改成 !="),
    _words(r"`[^`]+`", "反引号", "改成 repr(...)"),
    _words(r"(?<![\w.])0\d+(?![\w.])", "八进制写法 0777", "改成 0o777"),
    _words(r"(?<![\w.])\d+[lL]\b", "长整数写法 1L", "去掉末尾的 L"),
)
"""What Python 3 cannot even read."""

OLD = (
    _words(r"(?<!positions)\.has_key\s*\(", "dict.has_key", "改成 key in d"),
    _words(r"positions\.has_key\s*\(", "positions.has_key", "改成 code in positions", True),
    _words(r"\.iter(keys|values)\s*\(", "dict.iterkeys / itervalues", "改成 d.keys() / d.values()"),
    _words(r"(?<![\w.])xrange\s*\(", "xrange", "改成 range", True),
    _words(r"(?<![\w.])(unicode|basestring|long)\b", "unicode / basestring / long", "改成 str / str / int", True),
    _words(r"(?<![\w.])(raw_input|reload|execfile|unichr|cmp)\s*\(", "Python 2 的内置函数", "Python 3 没有，请改写"),
    _words(
        r"^\s*(?:import|from)\s+(?:\w+\s*,\s*)*(urllib2|cPickle|ConfigParser|StringIO|Queue|commands)\b",
        "Python 2 的标准库", "换成 Python 3 的模块",
    ),
    _words(r"setdefaultencoding", "sys.setdefaultencoding", "删去：Python 3 的文字就是 Unicode"),
    _words(r"\.ix\s*\[", ".ix", "改成 .loc 或 .iloc", True),
    _words(r"\.as_matrix\s*\(", "as_matrix", "改成 to_numpy()", True),
    _words(
        r"\b(pd|pandas)\.(rolling_\w+|expanding_\w+|ewm(a|std|vol|var)\b)",
        "pd.rolling_* / pd.expanding_* / pd.ewma", "改成 .rolling(n).mean() 等", True,
    ),
    _words(r"\b(pd|pandas)\.ols\b", "pd.ols", "改成 numpy.polyfit 或 statsmodels"),
    _words(r"\bpd\.Panel\s*\(", "pd.Panel(...)", "改成字典或 MultiIndex 的 DataFrame", True),
    _words(
        r"\bpd\.(TimeSeries|datetime|np|Int64Index|Float64Index)\b",
        "pandas 已删除的名字", "改成 pd.Series / datetime / np / pd.Index", True,
    ),
    _words(r"\bpd\.(WidePanel|Panel4D|TimeGrouper|scatter_matrix|tools)\b", "pandas 已删除的名字", "改用 pd.Grouper"),
    _words(r"\.(from_csv|from_items)\s*\(", "pandas 已删除的方法", "改成 pd.read_csv / pd.DataFrame(dict(...))"),
    _words(r"\.sort\s*\(\s*(columns|by|\[?\")", "DataFrame.sort", "改成 sort_values", True),
    _words(r"\.order\s*\(\s*(ascending|na_last|\))", "Series.order", "改成 sort_values", True),
    _words(
        r"\.(get_value|set_value|lookup|convert_objects|irow|icol|reindex_axis|clip_upper|clip_lower)\s*\(",
        "pandas 已删除的方法", "改成 .at / .loc / .iloc / infer_objects / reindex / clip", True,
    ),
    _words(
        r"\bnp\.(float|int|object|str|complex|NaN|NAN|Inf|PINF|NINF|Infinity|infty|float_|unicode_|string_|product"
        r"|cumproduct|alltrue|sometrue|round_|mat|math|row_stack|trapz|msort|asfarray|asscalar|in1d)\b",
        "numpy 已删除的名字", "改成 float、int、np.nan、np.inf、np.prod 等", True,
    ),
    _words(r"\bnp\.(cast|rank|find_common_type|source|issctype|sctypes)\b", "numpy 已删除的名字", "请改写"),
)  # fmt: skip
"""What Python 3 reads, and today's libraries do not have."""

_PAIRS = re.compile(r"([\w.\[\]'\"]+)\.iteritems\s*\(")
_DICTIONARY = r"\s*=\s*(\{|dict\s*\(|defaultdict\s*\(|OrderedDict\s*\()"

_APPEND = re.compile(r"(?<![\w.])(\w+)\s*=\s*\1\.append\s*\(|=\s*(df\w*|data\w*|result\w*)\.append\s*\(")


def python_2(source: str) -> list[Idiom]:
    """Lines that only Python 2 can read; empty for a file that Python 3 compiles."""
    try:
        compile(source, "strategy", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return _found(code_lines(source), PYTHON_2)
    return []


def old_idioms(source: str) -> list[Idiom]:
    """Everything old in the file, by line."""
    lines = code_lines(source)
    whole = "\n".join(lines)
    appended = [
        Idiom(number, "DataFrame.append", "改成 pd.concat([...])", True)
        for number, line in enumerate(lines, 1)
        if _APPEND.search(line)
    ]
    pairs = [
        _iteritems(number, match[1], whole) for number, line in enumerate(lines, 1) for match in _PAIRS.finditer(line)
    ]
    return sorted(python_2(source) + _found(lines, OLD) + pairs + appended)


def _iteritems(line: int, owner: str, whole: str) -> Idiom:
    """Tables have the word here, dictionaries do not: what the file itself makes a dictionary must be changed."""
    made = re.search(r"(?<![\w.])" + re.escape(owner) + _DICTIONARY, whole) is not None
    what = "dict.iteritems" if made else "iteritems（DataFrame、Series 可用，字典不可用）"
    return Idiom(line, what, "改成 items()", not made)


def _found(lines: list[str], patterns: tuple[_Pattern, ...]) -> list[Idiom]:
    return [
        Idiom(number, pattern.what, pattern.remedy, pattern.works)
        for number, line in enumerate(lines, 1)
        for pattern in patterns
        if pattern.regex.search(line)
    ]
