"""Definitions that keep `live` or `server` running: a systemd unit, and what to type on Windows.

The exit code decides about a restart. What another start would not change (a wrong command or setting, unsafe state, a
defect of ours) stays down until a person has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESTART_AFTER_S = 10
STARTS, WITHIN_S = 5, 600
STOP_WITHIN_S = 120
"""Longer than a strategy's callback and the saving of its state take as a rule; then the system kills the process,
after which the next start recovers from the journal."""

STAYS_DOWN: dict[int, str] = {
    2: "命令、文件或配置不对，见 bullet-trade config check 和 doctor",
    3: "状态或流水不安全，或运行目录、账户正被另一个引擎使用，见 bullet-trade state show",
    70: "程序缺陷：账目不变量被破坏，已停止交易",
}
EXIT_CODES: dict[int, str] = {
    0: "正常结束：stop、Ctrl+C、关机、--exit-after-close",
    1: "没有预料到的异常",
    **STAYS_DOWN,
}


@dataclass(frozen=True, slots=True)
class Service:
    """`command` is absolute program and arguments, run in `directory`; `name` names the service."""

    name: str
    title: str
    command: Sequence[str]
    directory: Path
    user: str


def systemd_unit(service: Service) -> str:
    """The unit file."""
    stays_down = " ".join(map(str, STAYS_DOWN))
    return f"""\
# /etc/systemd/system/{service.name}.service
# sudo systemctl daemon-reload && sudo systemctl enable --now {service.name}
[Unit]
Description={service.title}
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec={WITHIN_S}
StartLimitBurst={STARTS}

[Service]
Type=simple
User={service.user}
WorkingDirectory={_unit_path(service.directory)}
ExecStart={" ".join(map(_unit_word, service.command))}
Environment=PYTHONUNBUFFERED=1
Restart=on-failure
RestartSec={RESTART_AFTER_S}
# {"；".join(f"{code} {words}" for code, words in STAYS_DOWN.items())}
RestartPreventExitStatus={stays_down}
KillSignal=SIGTERM
TimeoutStopSec={STOP_WITHIN_S}

[Install]
WantedBy=multi-user.target
"""


def windows_text(service: Service) -> str:
    """Instructions for NSSM, and for the task scheduler where nothing may be installed."""
    program, *arguments = service.command
    line = " ".join(map(_windows_word, arguments))
    stays = "\n".join(f"nssm set {service.name} AppExit {code} Exit" for code in (0, *STAYS_DOWN))
    directory = _windows_word(str(service.directory))
    script = f"{service.directory}\\{service.name}.cmd"
    return f"""\
QMT 客户端要在登录的桌面里运行，本机 QMT 请用方法二；simulator、qmt-remote 和远程服务两种都可以。

方法一：NSSM（https://nssm.cc），作为 Windows 服务，失败后自动重启。在管理员命令行里执行：

nssm install {service.name} {_windows_word(program)}
nssm set {service.name} AppParameters {_nested(line)}
nssm set {service.name} AppDirectory {directory}
nssm set {service.name} AppExit Default Restart
{stays}
nssm set {service.name} AppRestartDelay {RESTART_AFTER_S * 1000}
nssm set {service.name} AppThrottle {WITHIN_S // STARTS * 1000}
nssm set {service.name} AppStopMethodConsole {STOP_WITHIN_S * 1000}
nssm start {service.name}

方法二：任务计划程序，登录时启动。先把下面两行存为 {service.name}.cmd：

cd /d {directory}
{_windows_word(program)} {line}

再执行：

schtasks /create /tn {service.name} /sc onlogon /rl limited /tr {_nested(f'"{script}"')}

任务计划程序不按退出码决定是否重启，不要勾选“如果任务失败，按以下频率重新启动”：配置或状态有错时，反复重启没有用。
"""


def _unit_path(path: Path) -> str:
    return str(path).replace("%", "%%")


def _unit_word(word: str) -> str:
    word = word.replace("%", "%%").replace("$", "$$")
    if any(sign in word for sign in " \t\"'\\;"):
        escaped = word.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return word


def _windows_word(word: str) -> str:
    return f'"{word}"' if any(sign in word for sign in " \t&()^") else word


def _nested(line: str) -> str:
    return '"' + line.replace('"', '\\"') + '"'
