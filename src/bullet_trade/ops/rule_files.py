"""The user's own files of rules and days, named by settings."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from bullet_trade.domain.errors import UsageError
from bullet_trade.market.closed_days import parse_closed_days
from bullet_trade.market.holiday_file import Holidays, parse_holidays
from bullet_trade.market.overrides import Overrides, parse_overrides


def read_overrides(path: Path | None) -> Overrides:
    """The user's rule file (`RULES_FILE`), or none. Raises `UsageError` naming the file or the wrong key."""
    return parse_overrides(_text(path, "规则文件")) if path is not None else Overrides()


def read_holidays(path: Path | None) -> Holidays | None:
    """The user's holiday file (`HOLIDAY_FILE`), or none. Raises `UsageError` naming the file or the wrong key."""
    return parse_holidays(_text(path, "节假日文件")) if path is not None else None


def read_closed_days(path: Path | None) -> frozenset[date]:
    """The days of `CLOSED_DAYS_FILE`. Raises `UsageError` naming the file or the wrong line."""
    return parse_closed_days(_text(path, "临时休市文件")) if path is not None else frozenset()


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"找不到{what} {path}", "检查路径，或去掉这个设置") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"无法读取{what} {path}：{error}", "请用 UTF-8 编码保存") from error
