"""docs/config.md and env.live.example, made from the table of meanings and the models."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from bullet_trade.ops.settings_table import GROUPS, MEANINGS, WRITTEN, Meaning

Models = Mapping[str, type[BaseSettings]]
"""Who reads variables, as people call it, and which. Where two name the same one, the first tells its default."""

HEAD = """# 配置

本页由程序生成（`python -m bullet_trade.cli.config docs/config.md`）。

```bash
cp env.live.example .env          # 或 bullet-trade init：建好整个工作目录
bullet-trade config check         # 一次列出全部问题：写错的变量名、无效的值、不存在的文件
bullet-trade config show          # 每个变量生效的值，以及它来自哪里
```

值从这些地方来，后面的覆盖前面的：

1. 默认值
2. 当前目录的 `.env`
3. 环境变量
4. `--env-file 文件`（或环境变量 `BT_ENV_FILE` 指的文件）
5. 命令行参数（例如 `--broker`、`--runtime-dir`）

- 变量名不分大小写。空值（`LOG_LEVEL=`）等于没写。
- 与某个变量只差一个字母、一个空格的名字，以及不是 `变量=值` 的行（例如 `[qmt]`、`LOG_LEVEL: INFO`），都拒绝启动。
- 密码和令牌不会写进日志；`config show` 里显示为 `***`，资金账号只显示最后两位。
- `.env` 不要放进代码库。
- `RUNTIME_DIR` 属于第一次用它的账户：用模拟盘的目录启动实盘、或用另一个账户启动，都会被拒绝。
"""

FOOT = """## 读取者

`live` 是 `bullet-trade live` 和查看、控制它的命令，`server` 是 `bullet-trade server`。
"""


def config_page(models: Models) -> str:
    """The page, with defaults and readers as they are in `models`."""
    sections = (_section(title, group, models) for title, group in GROUPS.items())
    return "\n".join((HEAD, *sections, FOOT))


def _section(title: str, group: Mapping[str, Meaning], models: Models) -> str:
    rows = [f"## {title}", "", "| 变量 | 默认 | 含义 | 读取者 |", "|---|---|---|---|"]
    for name, meaning in group.items():
        default = default_text(name, models)
        shown = f"`{default}`" if default else "无"
        rows.append(f"| `{name.upper()}` | {shown} | {meaning.words} | {'、'.join(readers(name, models))} |")
    return "\n".join((*rows, ""))


def readers(name: str, models: Models) -> list[str]:
    """Who reads the variable."""
    return [who for who, model in models.items() if name in model.model_fields]


def default_text(name: str, models: Models) -> str:
    """The default as it would be written in a file; '' for none."""
    model = models[readers(name, models)[0]]
    return value_text(model.model_fields[name].default)


def value_text(value: object) -> str:
    """A value as it would be written in a file."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return f"{value:.10g}"
    return str(value)


def env_example(models: Models, chosen: Mapping[str, str] | None = None) -> str:
    """The file to begin with: a few variables set, all others shown behind a "#".

    `chosen` are values by variable name (lower case) that its owner has answered already.
    """
    chosen = chosen or {}
    lines = ["# 复制为 .env 后修改；.env 不入库。# 后面的行没有生效，显示的是默认值或例子，去掉 # 才生效。"]
    for title, group in GROUPS.items():
        lines += ["", f"# ──── {title} ────"]
        for name in group:
            lines += [f"# {MEANINGS[name].words}", _line(name, chosen.get(name), models)]
    return "\n".join((*lines, ""))


def _line(name: str, answer: str | None, models: Models) -> str:
    value = answer or default_text(name, models) or MEANINGS[name].example
    written = f"'{value}'" if " #" in value else value  # else a backslash and a blank stay as they are
    return f"{'' if answer or name in WRITTEN else '# '}{name.upper()}={written}"
