"""Index members, industries and concepts for strategies, as of a day that is not later than today.

Industries, concepts and weights come from the source of market data where it has them (`ReferenceTables`), else from
the provider of research data.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pandas as pd

from bullet_trade.domain.securities import Code
from bullet_trade.ports.reference_tables import Category, ReferenceTables
from bullet_trade.strategy.current import session
from bullet_trade.strategy.data.arguments import Codes
from bullet_trade.strategy.data.moments import known_day
from bullet_trade.strategy.data.provider_functions import ask

Day = str | datetime.date | None


def _tables() -> ReferenceTables | None:
    data = session().data
    return data if isinstance(data, ReferenceTables) else None


def industry_code(code: Code) -> str:
    """The code of a security's industry of today in the first classification known; empty where there is none."""
    tables = _tables()
    found = tables.industries_of(code, session().logical_now().date()) if tables is not None else {}
    return next((found[name].code for name in ("zjw", "sw_l1", "jq_l1") if name in found), "")


def get_index_stocks(index_symbol: str, date: Day = None) -> list[str]:
    """Members of an index on `date` (default: today), sorted; empty for an unknown index."""
    run = session()
    day = known_day(run, "get_index_stocks", "date", date)
    return [str(code) for code in run.data.index_members(run.code(index_symbol), day)]


def get_index_weights(index_id: str, date: Day = None) -> object:
    """Weights of an index's members in percent: a frame by code with display_name, date, weight."""
    run = session()
    day = known_day(run, "get_index_weights", "date", date)
    tables = _tables()
    if tables is None:
        return ask("get_index_weights", index_id=index_id, date=day)
    weights = tables.index_weights(run.code(index_id), day)
    return pd.DataFrame(
        {
            "display_name": [_name(code) for code in weights],
            "date": [day] * len(weights),
            "weight": list(weights.values()),
        },
        index=pd.Index([str(code) for code in weights], dtype=object),
    )


def _name(code: Code) -> str:
    security = session().parts.securities(code)
    return security.name if security is not None else ""


def get_industry_stocks(industry_code: str, date: Day = None) -> object:
    """Securities of an industry on `date` (default: today): a sorted list, empty for an unknown industry."""
    day = known_day(session(), "get_industry_stocks", "date", date)
    tables = _tables()
    if tables is None:
        return ask("get_industry_stocks", industry_code=industry_code, date=day)
    return [str(code) for code in tables.industry_members(str(industry_code), day)]


def get_concept_stocks(concept_code: str, date: Day = None) -> object:
    """Securities of a concept on `date` (default: today): a sorted list, empty for an unknown concept."""
    day = known_day(session(), "get_concept_stocks", "date", date)
    tables = _tables()
    if tables is None:
        return ask("get_concept_stocks", concept_code=concept_code, date=day)
    return [str(code) for code in tables.concept_members(str(concept_code), day)]


def get_industries(name: str = "zjw", date: Day = None) -> object:
    """The industries of a classification: a frame by code with name and start_date."""
    day = known_day(session(), "get_industries", "date", date)
    tables = _tables()
    if tables is None:
        return ask("get_industries", name=name, date=day)
    return _categories(tables.industries(name, day))


def get_concepts() -> object:
    """All concepts: a frame by code with name and start_date."""
    tables = _tables()
    return ask("get_concepts") if tables is None else _categories(tables.concepts())


def _categories(rows: Sequence[Category]) -> pd.DataFrame:
    return pd.DataFrame(
        {"name": [row.name for row in rows], "start_date": pd.to_datetime([row.start_date for row in rows])},
        index=pd.Index([row.code for row in rows], dtype=object),
    )


def get_industry(security: Codes, date: Day = None) -> object:
    """Industries of securities: ``{code: {'sw_l1': {'industry_code': ..., 'industry_name': ...}, ...}}``."""
    run = session()
    day = known_day(run, "get_industry", "date", date)
    names = [security] if isinstance(security, str) else list(security)
    tables = _tables()
    if tables is None:
        return ask("get_industry", security=names, date=day)
    return {
        name: {
            classification: {"industry_code": row.code, "industry_name": row.name}
            for classification, row in tables.industries_of(run.code(name), day).items()
        }
        for name in names
    }


def get_concept(security: Codes, date: Day = None) -> object:
    """Concepts of securities: ``{code: {'jq_concept': [{'concept_code': ..., 'concept_name': ...}, ...]}}``."""
    run = session()
    day = known_day(run, "get_concept", "date", date)
    names = [security] if isinstance(security, str) else list(security)
    tables = _tables()
    if tables is None:
        return ask("get_concept", security=names, date=day)
    return {
        name: {
            "jq_concept": [
                {"concept_code": row.code, "concept_name": row.name} for row in tables.concepts_of(run.code(name), day)
            ]
        }
        for name in names
    }
