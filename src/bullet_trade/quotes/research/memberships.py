"""Industries, concepts and index weights out of a directory of tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import cast

import pandas as pd

from bullet_trade.quotes.research.reading import Answer, Arguments, Tables

_VALID = "start_date <= ? AND coalesce(end_date, DATE '9999-12-31') >= ?"


def _stocks_of(table: str, column: str) -> Answer:
    def answer(tables: Tables, arguments: Arguments, known_by: date) -> list[str]:
        day, category = cast(date, arguments["date"]), str(arguments[column])
        rows = tables.frame(
            f"SELECT DISTINCT code FROM {tables.source(table)} WHERE {column} = ? AND {_VALID} ORDER BY code",
            [category, day, day],
        )
        return [str(code) for code in rows["code"]]

    return answer


def _industries(tables: Tables, arguments: Arguments, known_by: date) -> pd.DataFrame:
    rows = tables.frame(
        f"""SELECT industry_code, any_value(industry_name) AS name, min(start_date) AS start_date
            FROM {tables.source("industry_members")} WHERE classification = ? GROUP BY 1 ORDER BY 1""",
        [str(arguments["name"])],
    )
    return rows.set_index("industry_code").rename_axis(None)


def _concepts(tables: Tables, arguments: Arguments, known_by: date) -> pd.DataFrame:
    rows = tables.frame(
        f"""SELECT concept_code, any_value(concept_name) AS name, min(start_date) AS start_date
            FROM {tables.source("concept_members")} GROUP BY 1 ORDER BY 1""",
        [],
    )
    return rows.set_index("concept_code").rename_axis(None)


def _industry(tables: Tables, arguments: Arguments, known_by: date) -> Mapping[str, dict[str, dict[str, str]]]:
    day, codes = cast(date, arguments["date"]), cast("list[str]", arguments["security"])
    rows = tables.frame(
        f"""SELECT code, classification, industry_code, industry_name FROM {tables.source("industry_members")}
            WHERE {_VALID} AND code IN (SELECT unnest(?)) ORDER BY code, classification""",
        [day, day, codes],
    )
    found: dict[str, dict[str, dict[str, str]]] = {code: {} for code in codes}
    for row in rows.itertuples(index=False):
        found[row.code][row.classification] = {"industry_code": row.industry_code, "industry_name": row.industry_name}
    return found


def _concept(tables: Tables, arguments: Arguments, known_by: date) -> Mapping[str, dict[str, list[dict[str, str]]]]:
    day, codes = cast(date, arguments["date"]), cast("list[str]", arguments["security"])
    rows = tables.frame(
        f"""SELECT code, concept_code, concept_name FROM {tables.source("concept_members")}
            WHERE {_VALID} AND code IN (SELECT unnest(?)) ORDER BY code, concept_code""",
        [day, day, codes],
    )
    found: dict[str, dict[str, list[dict[str, str]]]] = {code: {"jq_concept": []} for code in codes}
    for row in rows.itertuples(index=False):
        found[row.code]["jq_concept"].append({"concept_code": row.concept_code, "concept_name": row.concept_name})
    return found


def _index_weights(tables: Tables, arguments: Arguments, known_by: date) -> pd.DataFrame:
    source, index = tables.source("index_weights"), str(arguments["index_id"])
    rows = tables.frame(
        f"""SELECT code, display_name, date, weight FROM {source} WHERE index_code = ? AND date =
              (SELECT max(date) FROM {source} WHERE index_code = ? AND date <= ?) ORDER BY code""",
        [index, index, cast(date, arguments["date"])],
    )
    return rows.set_index("code").rename_axis(None)


MEMBERSHIPS: dict[str, Answer] = {
    "get_industry_stocks": _stocks_of("industry_members", "industry_code"),
    "get_concept_stocks": _stocks_of("concept_members", "concept_code"),
    "get_industries": _industries,
    "get_concepts": _concepts,
    "get_industry": _industry,
    "get_concept": _concept,
    "get_index_weights": _index_weights,
}
