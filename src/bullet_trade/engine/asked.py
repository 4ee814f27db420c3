"""Who asked for an order, and in what words: carried from the strategy's call into the journal, so that it can be
asked later why an order left, or why none did.
"""

from __future__ import annotations

import msgspec


class Asked(msgspec.Struct, frozen=True):
    """`call` is the call as the strategy wrote it, with its values; `where` its ``function file:line``."""

    call: str = ""
    where: str = ""


NOT_TOLD = Asked()
