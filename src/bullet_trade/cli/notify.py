"""`bullet-trade notify`: a test message over every channel, and what waits to be sent."""

from __future__ import annotations

import typer

from bullet_trade.cli.json_output import print_json
from bullet_trade.cli.options import AsJson, EnvFile, RuntimeDir
from bullet_trade.domain.errors import UsageError

app = typer.Typer(help="消息通道：发测试消息，查看待发消息。", no_args_is_help=True)

EXIT_FAILED = 1
"""At least one channel did not take the message."""


@app.command()
def test(env_file: EnvFile = None, as_json: AsJson = False) -> None:
    """向每个通道发一条测试消息，显示各自的答复；有失败的退出码 1。

    例：bullet-trade notify test
    """
    from bullet_trade.ops.notify.channels import open_channels
    from bullet_trade.ops.notify.terms import addresses, notify_terms
    from bullet_trade.ops.notify.trial import try_channels
    from bullet_trade.ops.settings import load_settings

    settings = load_settings(env_file)
    terms = notify_terms(settings)
    channels = open_channels(addresses(settings))
    if not channels:
        raise UsageError("没有消息通道", "在 .env 里设置 NOTIFY_URLS，写法见 docs/messages.md")
    answers = try_channels(channels, settings.strategy_name or "bullet-trade")
    if as_json:
        print_json({"channels": [answer._asdict() for answer in answers], "classes": sorted(terms.classes)})
    else:
        for answer in answers:
            words = "已送达" if answer.error is None else f"失败：{answer.error}"
            typer.echo(f"{answer.label}  {words}（{answer.seconds:.1f} 秒）")
        typer.echo(f"发送的消息类别：{'、'.join(sorted(terms.classes))}")
    if any(answer.error is not None for answer in answers):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def outbox(
    runtime_dir: RuntimeDir = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """列出还没有送达的消息；引擎运行时也可以看。

    例：bullet-trade notify outbox
    """
    import json

    from bullet_trade.ops.notify.note import CLASSES
    from bullet_trade.ops.notify.outbox import OUTBOX_FILE, read_outbox
    from bullet_trade.ops.settings import load_settings

    directory = runtime_dir or load_settings(env_file).runtime_dir
    rows = read_outbox(directory / OUTBOX_FILE)
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], ensure_ascii=False, indent=2, default=str))
        return
    for row in rows:
        times = f" ×{row.times}" if row.times > 1 else ""
        typer.echo(f"{row.last_at:%m-%d %H:%M:%S}  {row.channel}  [{CLASSES[row.kind]}] {row.text}{times}")
    typer.echo(f"待发 {len(rows)} 条" if rows else "没有待发消息")
