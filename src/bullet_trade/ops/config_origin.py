"""The value of each variable that is in force, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from bullet_trade.ops.config_page import value_text
from bullet_trade.ops.config_words import is_secret
from bullet_trade.ops.settings import Source

DEFAULT = "默认"
ACCOUNTS = frozenset({"qmt_account_id"})
"""Variables of which only the last two signs are shown."""


class Effective(msgspec.Struct, frozen=True):
    """`value` as it may be shown; `origin` names the place that decided it, `hidden` the places that did not."""

    name: str
    value: str
    origin: str
    hidden: tuple[str, ...]


def effective(settings: BaseSettings, given: Sequence[Source]) -> Iterator[Effective]:
    """Each variable of the model, in its order; `given` in rising order, as `settings.sources` gives them."""
    for name, field in type(settings).model_fields.items():
        places = [source.title.strip() for source in given if _sets(source, name)]
        value = shown(name, value_text(getattr(settings, name)), secret=is_secret(field))
        yield Effective(name.upper(), value, places[-1] if places else DEFAULT, tuple(places[:-1]))


def chosen_line(settings: BaseSettings, given: Sequence[Source]) -> str:
    """What differs from the defaults, in one line: ``DEFAULT_BROKER=qmt（.env）``; '' where nothing does."""
    fields = type(settings).model_fields
    usual = {name.upper() for name, field in fields.items() if getattr(settings, name) == field.default}
    changed = [one for one in effective(settings, given) if one.origin != DEFAULT and one.name not in usual]
    return "  ".join(f"{one.name}={one.value}（{one.origin}）" for one in changed)


def shown(name: str, value: str, secret: bool) -> str:
    """The value as it may be shown."""
    if secret:
        return "***" if value else ""
    return f"…{value[-2:]}" if name in ACCOUNTS and value else value


def secrets_of(*all_settings: BaseSettings) -> list[str]:
    """What must not stand in a log: the values of secrets, and account numbers that do not occur by chance."""
    found: list[str] = []
    for settings in all_settings:
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            if isinstance(value, SecretStr):
                found.append(value.get_secret_value())
            elif name in ACCOUNTS and len(value) >= SHORTEST_ACCOUNT:
                found.append(value)
    return [one for one in found if one.strip()]


SHORTEST_ACCOUNT = 6


def _sets(source: Source, name: str) -> bool:
    return any(value for key, value in source.values.items() if key.lower() == name)
