"""Classifications and index weights, where a source of market data has them. An optional part of such a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol, runtime_checkable

from bullet_trade.domain.securities import Code


class Category(NamedTuple):
    """An industry or a concept: its code (``801120``, ``SC0001``), Chinese name, and first day."""

    code: str
    name: str
    start_date: date


@runtime_checkable
class ReferenceTables(Protocol):
    """Industries by classification (``sw_l1``, ``jq_l1``, ``zjw``, ...), concepts, and weights of index members.

    Unknown names give empty results, never an exception.
    """

    def industries(self, classification: str, day: date) -> Sequence[Category]:
        """The industries of a classification on `day`, sorted by code."""

    def industry_members(self, industry: str, day: date) -> Sequence[Code]:
        """Securities of an industry on `day`, sorted."""

    def industries_of(self, code: Code, day: date) -> Mapping[str, Category]:
        """The industry of a security in each classification that has it."""

    def concepts(self) -> Sequence[Category]:
        """All concepts, sorted by code."""

    def concept_members(self, concept: str, day: date) -> Sequence[Code]:
        """Securities of a concept on `day`, sorted."""

    def concepts_of(self, code: Code, day: date) -> Sequence[Category]:
        """The concepts of a security on `day`."""

    def index_weights(self, index: Code, day: date) -> Mapping[Code, float]:
        """Weights of an index's members on `day` in percent, adding up to 100; sorted by code."""
