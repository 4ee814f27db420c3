"""Tables on the wire.

`rows` is the form of the deployed peers (dtype `dataframe`): rows of cells, the index as leading columns with metadata
that old clients ignore. Two-level columns with an index cannot be read by old clients at all; for them the index is
left out. `packed` is ours: one compressed array per column.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bullet_trade.remote import body
from bullet_trade.remote.errors import FrameError

Label = str | tuple[str, str]
Column = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_] | NDArray[np.datetime64] | list[str | None]

UNPACKED_LIMIT = 256 * 1024 * 1024
"""Bytes that a packed table may unfold to."""

_PAIR = re.compile(r"""\(\s*(['"])(.*?)\1\s*,\s*(['"])(.*?)\3\s*\)""")
_KINDS: dict[str, str] = {"<f8": "<f8", "<i8": "<i8", "|b1": "|b1", "<M8[ms]": "<i8"}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length with their labels, and at most one index column.

    Labels are all texts, or all pairs (field, code). Times are datetime64[ms], naive Beijing time; missing numbers are
    NaN. `index` None means that the rows are merely numbered.
    """

    labels: Sequence[Label]
    columns: Sequence[Column]
    index: Column | None = None
    index_name: str | None = None

    @property
    def two_level(self) -> bool:
        """Whether the labels are pairs."""
        return bool(self.labels) and isinstance(self.labels[0], tuple)

    def __len__(self) -> int:
        first = self.index if self.index is not None else (self.columns[0] if self.columns else [])
        return len(first)


class _Rows(msgspec.Struct):
    dtype: str = ""
    columns: list[str] = []
    records: list[list[object]] = []
    column_tuples: list[tuple[str, str]] | None = None
    column_index_names: list[str | None] | None = None
    index_columns: list[str] | None = None
    index_names: list[str | None] | None = None
    index_type: str | None = None
    index_dtypes: list[str] | None = None
    rows: int = 0
    packed: list[_Packed] | None = None
    packed_index: _Packed | None = None


class _Packed(msgspec.Struct, omit_defaults=True):
    kind: str
    data: str = ""
    values: list[str | None] | None = None


_decoder = msgspec.json.Decoder(_Rows)


# -- writing -----------------------------------------------------------------------------------------------------------


def rows(table: Table, index_for_two_levels: bool = False) -> bytes:
    """The table as JSON for any peer; `index_for_two_levels` only for one that can read it."""
    shown: dict[str, object] = {"dtype": "dataframe"}
    texts = [_label_text(label) for label in table.labels]
    cells = [_cells(column) for column in table.columns]
    if table.index is not None and (index_for_two_levels or not table.two_level):
        name = table.index_name or "index"
        if name in texts:
            name = f"__bt_index_{name}_0__"
        texts.insert(0, name)
        cells.insert(0, _cells(table.index))
        timed = isinstance(table.index, np.ndarray) and table.index.dtype.kind == "M"
        shown |= {
            "index_columns": [name],
            "index_names": [table.index_name],
            "index_type": "DatetimeIndex" if timed else "Index",
            "index_dtypes": ["datetime64[ns]" if timed else "object"],
        }
    if table.two_level:
        shown["column_tuples"] = [list(label) for label in table.labels]
        shown["column_index_names"] = ["field", "code"]
    shown["columns"] = texts
    shown["records"] = list(zip(*cells, strict=True))
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()


def packed(table: Table) -> bytes:
    """The table as JSON with one compressed array per column, for a peer that agreed to it."""
    shown = _Rows(
        dtype="packed",
        columns=[_label_text(label) for label in table.labels],
        column_tuples=[label for label in table.labels if isinstance(label, tuple)] if table.two_level else None,
        rows=len(table),
        index_names=[table.index_name],
        packed=[_pack(column) for column in table.columns],
        packed_index=_pack(table.index) if table.index is not None else None,
    )
    return body.encode(shown)


def _label_text(label: Label) -> str:
    return label if isinstance(label, str) else f"('{label[0]}', '{label[1]}')"


def _cells(column: Column) -> list[object]:
    if isinstance(column, list):
        return list(column)
    if column.dtype.kind == "M":
        return [None if text == "NaT" else text for text in column.astype("datetime64[s]").astype(str).tolist()]
    return list(column.tolist())


def _pack(column: Column) -> _Packed:
    if isinstance(column, list):
        return _Packed("text", values=column)
    array = column.astype("<M8[ms]") if column.dtype.kind == "M" else column.astype(column.dtype.newbyteorder("<"))
    kind = array.dtype.str
    return _Packed(kind, base64.b64encode(zlib.compress(array.view(_KINDS[kind]).tobytes(), 1)).decode())


# -- reading -----------------------------------------------------------------------------------------------------------


def read_table(payload: bytes | msgspec.Raw) -> Table:
    """A table in any of the encodings. Another kind of answer gives an empty table, as deployed clients do.

    Raises `FrameError` for one that contradicts itself.
    """
    try:
        found = body.parse(_decoder, payload, body.IN_ANSWERS)
        if found.dtype == "packed":
            return _unpacked(found)
        return _from_rows(found) if found.dtype == "dataframe" else Table((), ())
    except (msgspec.ValidationError, ValueError, zlib.error) as error:
        text = f"对端返回的表格（{len(bytes(payload))} 字节）不符合约定：{error}"
        raise FrameError(text, "两端版本可能不同：把服务端升级到与本机相同的版本，再试一次") from error


def _from_rows(found: _Rows) -> Table:
    wide = {len(record) for record in found.records}
    if wide - {len(found.columns)}:
        raise ValueError(f"表头有 {len(found.columns)} 列，各行却有 {sorted(wide)} 格")
    columns = [_column([record[place] for record in found.records]) for place in range(len(found.columns))]
    names = list(found.columns)
    index, index_name = None, None
    if found.index_columns:
        if found.index_columns[0] not in names:
            raise ValueError(f"索引列 {found.index_columns[0]!r} 不在表头 {names} 中")
        place = names.index(found.index_columns[0])
        index, index_name = columns.pop(place), (found.index_names or [None])[0]
        names.pop(place)
        if found.index_type == "DatetimeIndex" and isinstance(index, list):
            index = np.array(index, dtype="datetime64[ms]")
    return Table(_labels(names, found.column_tuples), columns, index, index_name)


def _unpacked(found: _Rows) -> Table:
    columns = [_unpack(one, found.rows) for one in found.packed or []]
    index = _unpack(found.packed_index, found.rows) if found.packed_index is not None else None
    return Table(_labels(found.columns, found.column_tuples), columns, index, (found.index_names or [None])[0])


def _labels(names: list[str], pairs: list[tuple[str, str]] | None) -> list[Label]:
    if pairs is not None:
        if len(pairs) != len(names):
            raise ValueError(f"表头有 {len(names)} 列，column_tuples 却有 {len(pairs)} 对")
        return _field_first(pairs)
    matched = [_PAIR.fullmatch(name) for name in names]
    texts = [(match[2], match[4]) for match in matched if match is not None]
    return _field_first(texts) if names and len(texts) == len(names) else list(names)


def _field_first(pairs: list[tuple[str, str]]) -> list[Label]:
    if all("." in first and "." not in second for first, second in pairs):
        return [(second, first) for first, second in pairs]
    return list(pairs)


def _column(cells: list[object]) -> Column:
    if cells and all(isinstance(cell, bool) for cell in cells):
        return np.array(cells, dtype=np.bool_)
    if cells and all(isinstance(cell, int) and not isinstance(cell, bool) for cell in cells):
        return np.array(cells, dtype=np.int64)
    if all(cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)) for cell in cells):
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    return [None if cell is None else str(cell) for cell in cells]


def _unpack(one: _Packed, length: int) -> Column:
    if one.kind == "text":
        values = one.values or []
        if len(values) != length:
            raise ValueError(f"表有 {length} 行，一列却有 {len(values)} 行")
        return values
    if one.kind not in _KINDS:
        raise ValueError(f"列的类型 {one.kind!r} 未知，可用 text、{'、'.join(_KINDS)}")
    stored = np.dtype(_KINDS[one.kind])
    size = stored.itemsize * length
    if not 0 <= size <= UNPACKED_LIMIT:
        raise ValueError(f"行数 {length} 超出范围，一列最多 {UNPACKED_LIMIT} 字节")
    raw = zlib.decompressobj().decompress(base64.b64decode(one.data), size + 1)
    if len(raw) != size:
        raise ValueError(
            f"一列应有 {size} 字节（{length} 行），展开后{'更多' if len(raw) > size else f'只有 {len(raw)}'}"
        )
    array: Column = np.frombuffer(raw, dtype=stored).view(np.dtype(one.kind))
    return array
