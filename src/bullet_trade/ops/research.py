"""Chooses where fundamentals, factors and the like come from."""

from __future__ import annotations

from bullet_trade.ops.settings import Settings
from bullet_trade.ports.research import ResearchProvider
from bullet_trade.quotes.research.jqdata import JqData
from bullet_trade.quotes.research.tables import ResearchTables
from bullet_trade.strategy.data.no_research import NoResearch


def research_provider(settings: Settings) -> ResearchProvider:
    """The directory `RESEARCH_DATA_DIR`, else jqdatasdk with ``DEFAULT_DATA_PROVIDER=jqdata``, else nothing.

    Raises `UsageError` where the directory cannot be used; jqdatasdk is first touched when a strategy asks.
    """
    if settings.research_data_dir is not None:
        return ResearchTables(settings.research_data_dir.expanduser())
    if settings.default_data_provider.lower() == "jqdata":
        return JqData(settings.jqdata_username, settings.jqdata_password.get_secret_value())
    return NoResearch()
