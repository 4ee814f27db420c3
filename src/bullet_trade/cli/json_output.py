"""What a script reads: one JSON document on the standard output."""

from __future__ import annotations

import typer


def print_json(document: object) -> None:
    """Structures, dataclasses, lists and dicts of them; what JSON has no form for (a path) as text."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(document, enc_hook=str)).decode())
