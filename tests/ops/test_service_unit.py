"""What a service manager is told: when to start again, and when not to."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path, PurePosixPath

import pytest

from bullet_trade.cli.main import EXIT_DEFECT, EXIT_STATE, EXIT_USAGE
from bullet_trade.ops.service import EXIT_CODES, STAYS_DOWN, Service, systemd_unit, windows_text

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ("/opt/py thon/bin/python", "-m", "bullet_trade", "live", "strategies/50%.py", "--broker", "qmt-remote")
SERVICE = Service("bullet-trade-demo", "demo", COMMAND, PurePosixPath("/home/li/my dir"), "li")  # type: ignore[arg-type]


def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(systemd_unit(SERVICE))
    return parsed


def test_failures_are_started_again_and_what_a_start_does_not_change_is_not() -> None:
    """O05: systemd.service(5): on-failure is a non-zero exit or a signal, without the codes excepted."""
    service = unit()["Service"]
    assert service["Restart"] == "on-failure"
    assert set(service["RestartPreventExitStatus"].split()) == {"2", "3", "70"}
    assert {EXIT_USAGE, EXIT_STATE, EXIT_DEFECT} == set(STAYS_DOWN)
    assert (unit()["Unit"]["StartLimitBurst"], unit()["Unit"]["StartLimitIntervalSec"]) == ("5", "600")


def test_the_command_survives_blanks_and_the_signs_that_systemd_expands() -> None:
    service = unit()["Service"]
    assert [word.replace("%%", "%") for word in shlex.split(service["ExecStart"])] == list(COMMAND)
    assert service["WorkingDirectory"] == "/home/li/my dir"
    assert service["User"] == "li"


def test_the_process_is_asked_to_stop_and_given_time_to_save() -> None:
    service = unit()["Service"]
    assert (service["KillSignal"], service["TimeoutStopSec"]) == ("SIGTERM", "120")


def test_nssm_stays_down_after_the_same_exit_codes() -> None:
    lines = windows_text(SERVICE).splitlines()
    exits = [line.split()[-2:] for line in lines if " AppExit " in line]
    assert exits == [["Default", "Restart"], ["0", "Exit"], ["2", "Exit"], ["3", "Exit"], ["70", "Exit"]]
    assert 'nssm install bullet-trade-demo "/opt/py thon/bin/python"' in lines


@pytest.mark.parametrize("code", sorted(EXIT_CODES))
def test_the_page_names_every_exit_code(code: int) -> None:
    page = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| {code} |"))
    assert row.endswith("| 否 |") == (code in STAYS_DOWN or code == 0)
