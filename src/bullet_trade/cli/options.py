"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RuntimeDir = Annotated[
    Path | None, typer.Option("--runtime-dir", help="运行目录，例如 runtime/dry_run（默认取 RUNTIME_DIR，runtime）")
]
LogDir = Annotated[Path | None, typer.Option("--log-dir", help="日志目录，例如 D:/logs（默认取 LOG_DIR，logs）")]
EnvFile = Annotated[Path | None, typer.Option("--env-file", help="环境文件，例如 live.env（默认 .env）")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]
Debug = Annotated[bool, typer.Option("--debug", help="出错时显示完整堆栈")]
