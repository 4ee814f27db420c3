"""What the user can say about the files of an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bullet_trade.domain.securities import Code
from bullet_trade.quotes.local.columns import Table


class VolumeUnit(StrEnum):
    """In what the source counts volume. A lot is 100 shares or fund units, and 10 bonds."""

    SHARE = "share"
    LOT = "lot"


class MoneyUnit(StrEnum):
    """In what the source counts money."""

    YUAN = "yuan"
    THOUSAND = "thousand"
    TEN_THOUSAND = "wan"

    @property
    def yuan(self) -> int:
        """One unit in yuan."""
        return {"yuan": 1, "thousand": 1_000, "wan": 10_000}[self.value]


class TimeLabel(StrEnum):
    """Which end of the minute the source's label names."""

    END = "end"
    START = "start"


class Encoding(StrEnum):
    """How the texts of CSV files are encoded."""

    UTF_8 = "utf-8"
    GBK = "gbk"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Choices of one import; `kind` and `code` None: told by the file. `columns`: source name -> standard name."""

    kind: Table | None = None
    code: Code | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    volume_unit: VolumeUnit = VolumeUnit.SHARE
    money_unit: MoneyUnit = MoneyUnit.YUAN
    time_label: TimeLabel = TimeLabel.END
    encoding: Encoding = Encoding.UTF_8
