"""Everything that is wrong with the variables, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from bullet_trade.brokers.qmt.terms import check_account_id, check_account_type, check_data_path
from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.ops.broker_choice import BROKERS
from bullet_trade.ops.config_words import complaint, shown_input
from bullet_trade.ops.notify.terms import notify_terms
from bullet_trade.ops.remote_venue import token
from bullet_trade.ops.research import research_provider
from bullet_trade.ops.risk_settings import risk_limits
from bullet_trade.ops.rule_files import read_closed_days, read_holidays, read_overrides
from bullet_trade.ops.settings import Settings, Source
from bullet_trade.ops.spelling import LONG, misspelt, unknown


class Problem(NamedTuple):
    """`fatal`: a run would not start, or would not do what the file says."""

    fatal: bool
    words: str
    remedy: str


def name_problems(given: Sequence[Source], models: Sequence[type[BaseSettings]]) -> Iterator[Problem]:
    """Lines that set nothing, names that nothing reads."""
    known = {name for model in models for name in model.model_fields}
    for source in given:
        for line in source.stray:
            yield Problem(True, f"{source.title}{line}不是 变量=值，不会生效", "改正或删除")
        wrong = {one.given: one.meant for one in misspelt(source.values, known, 0 if source.ours else LONG)}
        for name, meant in wrong.items():
            yield Problem(True, f"{source.title}里的变量 {name!r} 不存在，不会生效", f"是否应为 {meant}？")
        for name, meant in unknown(source.values, known) if source.ours else []:
            if name not in wrong:
                hint = f"是否应为 {meant}？" if meant else "不需要就删除，全部变量见 docs/config.md"
                yield Problem(False, f"{source.title}里的变量 {name!r} 没有被使用", hint)


def value_problems(model: type[BaseSettings], values: dict[str, object]) -> Iterator[Problem]:
    """Values that the model refuses, each by itself."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        for one in error.errors():
            name = str(one["loc"][0])
            shown = shown_input(model, name, one["input"])
            yield Problem(True, f"变量 {name.upper()}={shown} 无效：{complaint(one)}", "改正")


def deeper_problems(settings: Settings, broker: str) -> Iterator[Problem]:
    """Files that are not there, codes that are none, what `broker` needs and has not. Nothing is connected."""
    looks: list[Callable[[], object]] = [
        lambda: risk_limits(settings),
        lambda: notify_terms(settings),
        lambda: read_overrides(settings.rules_file),
        lambda: read_holidays(settings.holiday_file),
        lambda: read_closed_days(settings.closed_days_file),
        lambda: research_provider(settings),
    ]
    if broker == "qmt":
        looks += [
            lambda: check_account_id(settings.qmt_account_id),
            lambda: check_account_type(settings.qmt_account_type),
            lambda: check_data_path(settings.qmt_data_path),
        ]
    elif broker == "qmt-remote":
        looks.append(lambda: token(settings))
    elif broker not in BROKERS:
        yield Problem(True, f"未知的券商 {broker!r}", f"可用：{'、'.join(BROKERS)}")
    for look in looks:
        try:
            look()
        except BulletTradeError as error:
            yield Problem(True, error.text, error.remedy)
    for name in ("runtime_dir", "log_dir"):
        yield from _directory(name.upper(), getattr(settings, name))


def _directory(variable: str, path: Path) -> Iterator[Problem]:
    path = path.expanduser()
    if path.exists() and not path.is_dir():
        yield Problem(True, f"变量 {variable}：{path} 是一个文件", "换一个目录")
