"""JoinQuant's explicit name for what strategies find without an import: the same as `jqdata`."""

import jqdata as _jqdata

globals().update({name: value for name, value in vars(_jqdata).items() if not name.startswith("_")})

__all__ = [*_jqdata.__all__]  # noqa: PLE0604 - names come from the table


def __getattr__(name: str) -> object:
    return getattr(_jqdata, name)
