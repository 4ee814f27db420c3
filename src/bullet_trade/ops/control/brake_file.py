"""`brake.json`: the brake as the operator left it, for the next start. Written before a command is acknowledged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bullet_trade.engine.brake import Brake, BrakeMode, BrakeState
from bullet_trade.store.files import write_atomically

BRAKE_FILE = "brake.json"


def kept_brake(directory: Path) -> Brake:
    """The brake of a runtime directory, as it was left there. A file that cannot be read counts as a halt."""
    file = directory / BRAKE_FILE
    return Brake(read_brake(file), lambda state: write_atomically(file, msgspec.json.encode(state)))


def read_brake(file: Path) -> BrakeState:
    """What the file says; running when there is none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=BrakeState)
    except FileNotFoundError:
        return BrakeState()
    except (OSError, msgspec.DecodeError) as error:
        return BrakeState(BrakeMode.HALTED, "引擎", f"{BRAKE_FILE} 无法读取（{error}），按急停处理")


def told(state: BrakeState) -> str:
    """The brake for people, '' when nothing is held."""
    if state.mode is BrakeMode.RUNNING:
        return ""
    word = "急停" if state.mode is BrakeMode.HALTED else "暂停"
    when = f" {state.at[:19].replace('T', ' ')}" if state.at else ""
    why = f"：{state.why}" if state.why else ""
    return f"{word}有效（{state.who}{when}）{why}；执行 bullet-trade resume 解除"
