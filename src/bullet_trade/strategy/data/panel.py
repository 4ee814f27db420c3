"""What `get_price` returns for a list of codes: fields by times by codes, used as pandas' former Panel was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bullet_trade.ports.market_data import FloatArray


class Panel:
    """Three axes: `items` (fields), `major_axis` (times), `minor_axis` (codes).

    ``panel['close']`` and ``panel.close`` are frames of times by codes; ``panel[:, day, :]`` is a frame of codes by
    fields and ``panel[:, :, code]`` of times by fields, likewise with ``.loc`` (labels), ``.iloc`` (positions) and
    ``.ix`` (labels, positions where there is no such label). Iterating gives the names of the fields.
    """

    def __init__(
        self,
        data: FloatArray | Mapping[str, pd.DataFrame],
        items: Iterable[object] | None = None,
        major_axis: Iterable[object] | None = None,
        minor_axis: Iterable[object] | None = None,
    ) -> None:
        """`data` has the shape (items, major_axis, minor_axis), or is a frame of times by codes for each item."""
        if isinstance(data, Mapping):
            data, items, major_axis, minor_axis = _stacked(data)
        self.values = data
        self.items, self.major_axis, self.minor_axis = (
            pd.Index(range(size) if axis is None else axis)
            for axis, size in zip((items, major_axis, minor_axis), data.shape, strict=True)
        )

    @property
    def axes(self) -> list[pd.Index]:
        return [self.items, self.major_axis, self.minor_axis]

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.items), len(self.major_axis), len(self.minor_axis)

    @property
    def empty(self) -> bool:
        return 0 in self.shape

    @property
    def loc(self) -> _Indexer:
        return _Indexer(self, _by_label)

    @property
    def iloc(self) -> _Indexer:
        return _Indexer(self, _by_place)

    @property
    def ix(self) -> _Indexer:
        return _Indexer(self, _by_either)

    def __getitem__(self, key: object) -> pd.DataFrame | pd.Series | Panel | float:
        return self.loc[key]

    def __getattr__(self, name: str) -> pd.DataFrame:
        if not name.startswith("_") and name in self.items:
            return self._picked(self.items.get_loc(name), slice(None), slice(None))
        raise AttributeError(f"get_price 的结果没有字段 {name!r}：在 fields 里写上它")

    def __setitem__(self, item: str, frame: pd.DataFrame) -> None:
        """Add or replace a field."""
        table = np.broadcast_to(np.asarray(frame, dtype=np.float64), self.shape[1:])
        if item in self.items:
            self.values[self.items.get_loc(item)] = table
        else:
            self.values = np.concatenate([self.values, table[None]])
            self.items = self.items.append(pd.Index([item], dtype=object))

    def __iter__(self) -> Iterator[str]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item: object) -> bool:
        return item in self.items

    def __repr__(self) -> str:
        return f"Panel(字段 {list(self.items)}，{len(self.major_axis)} 个时间，{len(self.minor_axis)} 个代码)"

    def keys(self) -> pd.Index:
        """The fields."""
        return self.items

    def iteritems(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Pairs of a field and its frame."""
        return ((item, self._picked(place, slice(None), slice(None))) for place, item in enumerate(self.items))

    def major_xs(self, time: object) -> pd.DataFrame:
        """Codes by fields at one time."""
        return self._picked(slice(None), self.major_axis.get_loc(time), slice(None))

    def minor_xs(self, code: str) -> pd.DataFrame:
        """Times by fields of one code."""
        return self._picked(slice(None), slice(None), self.minor_axis.get_loc(code))

    def transpose(self, *order: int | str) -> Panel:
        """The axes in another order, by number or by name: ``panel.transpose(2, 1, 0)`` has codes as items."""
        places = [_AXES[axis] for axis in order]
        return Panel(self.values.transpose(places), *(self.axes[place] for place in places))

    def swapaxes(self, first: int | str, second: int | str) -> Panel:
        """Two axes exchanged."""
        places = [0, 1, 2]
        one, other = _AXES[first], _AXES[second]
        places[one], places[other] = other, one
        return self.transpose(*places)

    def to_frame(self, filter_observations: bool = True) -> pd.DataFrame:
        """Rows by (major, minor), a column per field; without rows that have a NaN in any field, unless told so."""
        index = pd.MultiIndex.from_product([self.major_axis, self.minor_axis], names=["major", "minor"])
        frame = pd.DataFrame(self.values.reshape(len(self.items), -1).T, index=index, columns=self.items)
        return frame.dropna(how="any") if filter_observations else frame

    def fillna(self, value: float) -> Panel:
        """NaN replaced."""
        return Panel(np.where(np.isnan(self.values), value, self.values), *self.axes)

    def _picked(self, item: object, major: object, minor: object) -> pd.DataFrame | pd.Series | Panel | float:
        places = (item, major, minor)
        values: FloatArray = self.values
        for axis in (2, 1, 0):
            values = values.take(_wanted(values.shape[axis], places[axis]), axis)
        left = [axis[place] for axis, place in zip(self.axes, places, strict=True) if not _single(place)]
        match left:
            case [items, major_axis, minor_axis]:
                return Panel(values, items, major_axis, minor_axis)
            case [rows, columns]:
                # A frame of (items, other axis) has the items as columns, as Panel's frames did.
                turned = not _single(item)
                return pd.DataFrame(values.T, columns, rows) if turned else pd.DataFrame(values, rows, columns)
            case [index]:
                return pd.Series(values, index)
            case _:
                return float(values)


def _stacked(frames: Mapping[str, pd.DataFrame]) -> tuple[FloatArray, pd.Index, pd.Index, pd.Index]:
    """The frames over all their times and codes, NaN where one has none."""
    axes = [frame.axes for frame in frames.values()]
    if not axes:
        return np.empty((0, 0, 0)), pd.Index([]), pd.Index([]), pd.Index([])
    rows, columns = (reduce(pd.Index.union, both) for both in zip(*axes, strict=True))
    tables = [frame.reindex(index=rows, columns=columns).to_numpy(dtype=np.float64) for frame in frames.values()]
    return np.array(tables), pd.Index(list(frames), dtype=object), rows, columns


_AXES: dict[int | str, int] = {0: 0, 1: 1, 2: 2, "items": 0, "major_axis": 1, "minor_axis": 2, "major": 1, "minor": 2}


class _Indexer:
    """``panel.loc[item, time, code]`` and its like; missing places stand for everything."""

    def __init__(self, panel: Panel, place: Callable[[pd.Index, object], object]) -> None:
        self._panel = panel
        self._place = place

    def __getitem__(self, key: object) -> pd.DataFrame | pd.Series | Panel | float:
        given = key if isinstance(key, tuple) else (key,)
        wanted = (*given, *(slice(None),) * (3 - len(given)))
        panel = self._panel
        places = [self._place(axis, one) for axis, one in zip(panel.axes, wanted, strict=True)]
        return panel._picked(*places)


def _wanted(size: int, place: object) -> NDArray[np.intp] | int:
    if _single(place):
        return int(np.arange(size)[np.asarray(place)])
    chosen: NDArray[np.intp] = np.arange(size)[place if isinstance(place, slice) else np.asarray(place)]
    return chosen


def _single(place: object) -> bool:
    return isinstance(place, int | np.integer)


def _by_place(axis: pd.Index, key: object) -> object:
    return key


def _by_label(axis: pd.Index, key: object) -> object:
    if isinstance(key, slice):
        return axis.slice_indexer(key.start, key.stop, key.step)
    if isinstance(key, list | tuple | np.ndarray | pd.Index):
        return axis.get_indexer(list(key)) if not _is_mask(key) else np.flatnonzero(key)
    if isinstance(axis, pd.DatetimeIndex):
        return axis.get_loc(pd.Timestamp(key))
    return axis.get_loc(key)


def _by_either(axis: pd.Index, key: object) -> object:
    return key if _single(key) else _by_label(axis, key)


def _is_mask(key: object) -> bool:
    return np.asarray(key).dtype == bool
