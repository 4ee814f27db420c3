"""The provider of a run that was given none: every question gets one clear error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NoReturn

import pandas as pd

from bullet_trade.domain.errors import DataError
from bullet_trade.ports.research import Query


class NoResearch:
    """`ResearchProvider` without data. Raises `DataError` at each call."""

    label = "未配置"

    def fundamentals(self, query: Query, known_by: date, stat_date: str | None) -> pd.DataFrame:
        _missing("get_fundamentals")

    def table(self, query: Query, known_by: date) -> pd.DataFrame:
        _missing("run_query")

    def call(self, function: str, arguments: Mapping[str, object], known_by: date) -> object:
        _missing(function)


def _missing(function: str) -> NoReturn:
    raise DataError(
        f"{function} 需要行情以外的数据（财务、因子、行业等），本次运行没有配置来源",
        "二选一：设置 RESEARCH_DATA_DIR=数据表目录（格式见 docs/data-format.md）；"
        "或 pip install jqdatasdk 并设置 DEFAULT_DATA_PROVIDER=jqdata、JQDATA_USERNAME、JQDATA_PASSWORD",
    )
