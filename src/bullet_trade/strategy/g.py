"""`g`, the strategy's global state: attributes that survive a restart."""

from __future__ import annotations


class GlobalState:
    """An attribute bag. Names that begin with ``__`` are not saved. A missing attribute is an `AttributeError`, as on
    the platform, so that ``hasattr(g, 'x')`` works."""

    def __getattr__(self, name: str) -> object:
        raise AttributeError(f"全局变量 g 没有属性 {name!r}：先赋值再使用（例如在 initialize 里 g.{name} = ...）")

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)

    def __repr__(self) -> str:
        return f"g({', '.join(sorted(vars(self)))})"


def attributes(g: GlobalState) -> dict[str, object]:
    """What is to be saved."""
    return {name: value for name, value in vars(g).items() if not name.startswith("__")}
