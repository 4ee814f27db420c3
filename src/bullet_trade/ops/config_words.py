"""What is wrong with the value of a variable, in Chinese."""

from __future__ import annotations

import re

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

WORDS = {
    "greater_than": "要大于 {gt:g}",
    "greater_than_equal": "不能小于 {ge:g}",
    "less_than": "要小于 {lt:g}",
    "less_than_equal": "不能大于 {le:g}",
    "float_parsing": "不是数字",
    "decimal_parsing": "不是数字",
    "finite_number": "要是有限的数",
    "int_parsing": "不是整数",
    "int_from_float": "不是整数",
    "bool_parsing": "写成 true 或 false",
    "bool_type": "写成 true 或 false",
    "time_parsing": "写成时刻，例如 08:30",
    "time_type": "写成时刻，例如 08:30",
}
"""By pydantic's name of the error; the braces take its context."""

_CHOICE = re.compile(r"^(?:\(\?i\))?\^\(((?:\w+\|?)+)\)\$$")


def complaint(error: ErrorDetails) -> str:
    """Why the value is refused."""
    context = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        choice = _CHOICE.match(str(context["pattern"]))
        return f"可用：{'、'.join(filter(None, choice[1].split('|')))}" if choice else "格式不对"
    return WORDS.get(error["type"], "格式不对").format(**context)


def is_secret(field: FieldInfo) -> bool:
    """Whether the value must not be shown."""
    return field.annotation is SecretStr


def shown_input(model: type[BaseModel], name: str, value: object) -> str:
    """The refused value as it may be shown."""
    return "***" if is_secret(model.model_fields[name]) else repr(value)
