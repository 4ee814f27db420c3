"""A strategy's query as SQL for DuckDB; values travel as parameters, names are quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bullet_trade.domain.errors import DataError
from bullet_trade.ports.research import ColumnRef, Node, Operation, Query
from bullet_trade.quotes.research.reading import Parameter

_INFIX = {"==": "=", "!=": "<>", "&": "AND", "|": "OR", "like": "LIKE"}
_NULL_TESTS = {"==": "IS NULL", "!=": "IS NOT NULL"}


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def tables_of(query: Query) -> tuple[str, ...]:
    """Every table that a query mentions, in the order of mention."""
    nodes: list[Node] = [one.node for one in query.selected]
    nodes += query.conditions
    nodes += [key.node for key in query.order]
    found = dict.fromkeys(query.whole)
    for node in nodes:
        found.update(dict.fromkeys(_tables(node)))
    return tuple(found)


def _tables(node: Node) -> Sequence[str]:
    if isinstance(node, ColumnRef):
        return (node.table,)
    if isinstance(node, Operation):
        return [table for operand in node.operands for table in _tables(operand)]
    return ()


class Statement:
    """SQL text in the making, with its parameters in the order of their marks. `columns`: those of each table."""

    def __init__(self, columns: Mapping[str, Sequence[str]]) -> None:
        self._columns = columns
        self.parameters: list[Parameter] = []

    def build(self, query: Query, source: str, source_parameters: Sequence[Parameter]) -> str:
        """The statement over `source`, a FROM clause that names every table by its own name."""
        wanted = ", ".join(self._results(query))
        self.parameters += source_parameters
        text = f"SELECT {wanted} FROM {source}"
        if query.conditions:
            text += " WHERE " + " AND ".join(self.expression(node) for node in query.conditions)
        if query.order:
            keys = [f"{self.expression(k.node)} {'DESC' if k.descending else 'ASC'} NULLS LAST" for k in query.order]
            text += " ORDER BY " + ", ".join(keys)
        if query.limit is not None:
            text += f" LIMIT {query.limit}"
        return text + (f" OFFSET {query.offset}" if query.offset else "")

    def _results(self, query: Query) -> list[str]:
        taken: set[str] = set()
        results = []
        for one in query.selected:
            label = one.label
            while label in taken:
                label += "_1"
            taken.add(label)
            results.append(f"{self.expression(one.node)} AS {quoted(label)}")
        for table in query.whole:
            for name in self._columns[table]:
                if name not in taken:  # several tables share code and the days: shown once
                    taken.add(name)
                    results.append(f"{quoted(table)}.{quoted(name)}")
        return results

    def expression(self, node: Node) -> str:
        """SQL of one node; appends its parameters. Raises `DataError` for a column that the table has not."""
        if isinstance(node, ColumnRef):
            if node.name not in self._columns[node.table]:
                known = "、".join(self._columns[node.table])
                raise DataError(f"数据表 {node.table} 没有列 {node.name}", f"表里的列：{known}")
            return f"{quoted(node.table)}.{quoted(node.name)}"
        if isinstance(node, Operation):
            return self._operation(node)
        self.parameters.append(node)
        return "?"

    def _operation(self, node: Operation) -> str:
        first, *rest = node.operands
        match node.operator:
            case "==" | "!=" if rest[0] is None:
                return f"({self.expression(first)} {_NULL_TESTS[node.operator]})"
            case "in" | "not in":
                return self._membership(node)
            case "between":
                return f"({self.expression(first)} BETWEEN {self.expression(rest[0])} AND {self.expression(rest[1])})"
            case "~":
                return f"(NOT {self.expression(first)})"
            case "neg":
                return f"(-{self.expression(first)})"
            case "/":  # as in MySQL, nothing comes of a division by zero
                return f"({self.expression(first)} / nullif({self.expression(rest[0])}, 0))"
        return f"({self.expression(first)} {_INFIX.get(node.operator, node.operator)} {self.expression(rest[0])})"

    def _membership(self, node: Operation) -> str:
        first, *values = node.operands
        if not values:
            return "false" if node.operator == "in" else "true"
        text = self.expression(first)
        marks = ", ".join(self.expression(value) for value in values)
        return f"({text} {'NOT IN' if node.operator == 'not in' else 'IN'} ({marks}))"
