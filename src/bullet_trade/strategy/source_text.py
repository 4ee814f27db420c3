"""A strategy file as text: what is code in it, whatever version of Python it is written for."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from bullet_trade.domain.errors import StrategyError, UsageError

QUOTE = '"'


def read_source(path: Path) -> str:
    """The text of a file in UTF-8 or GB18030. Raises `UsageError` (no such file) or `StrategyError` (encoding)."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"找不到策略文件 {path}", "检查路径，文件名含空格时请加引号") from error
    except OSError as error:
        raise UsageError(f"无法读取策略文件 {path}：{error.strerror}", "检查路径和权限") from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise StrategyError(f"策略文件 {path.name} 的编码无法识别", "请用 UTF-8 编码另存")


def code_lines(source: str) -> list[str]:
    """The lines with comments blanked and texts replaced by quotes of the same length."""
    lines = [list(line) for line in source.splitlines()]
    for kind, (row, column), (end_row, end_column) in _tokens(source):
        fill = QUOTE if kind == tokenize.STRING else " "
        for number in range(row, end_row + 1):
            line = lines[number - 1]
            first = column if number == row else 0
            last = end_column if number == end_row else len(line)
            line[first:last] = fill * (last - first)
    return ["".join(line) for line in lines]


def _tokens(source: str) -> Iterator[tuple[int, tuple[int, int], tuple[int, int]]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                yield token.type, token.start, token.end
    except (tokenize.TokenError, SyntaxError):
        return  # the rest stays as it is: good enough to look for old words in it
