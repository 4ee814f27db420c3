"""The checks in the order in which they are run, and for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bullet_trade.ops.doctor import configuration, directories, machine, server, terminal
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import Site

QMT, REMOTE, EVERY = frozenset({"qmt"}), frozenset({"qmt-remote"}), frozenset({"simulator", "qmt", "qmt-remote"})


class Check(NamedTuple):
    """`brokers` are those for which it is run. `morning`: cheap, and may run beside a live engine."""

    run: Callable[[Site], Iterator[Finding]]
    brokers: frozenset[str]
    morning: bool


CHECKS = (
    Check(machine.python, EVERY, morning=False),
    Check(machine.packages, EVERY, morning=False),
    Check(machine.time_zone, EVERY, morning=False),
    Check(machine.disk, EVERY, morning=True),
    Check(configuration.variables, EVERY, morning=True),
    Check(configuration.limits, EVERY, morning=True),
    Check(configuration.calendar, EVERY, morning=True),
    Check(directories.logs, EVERY, morning=True),
    Check(directories.runtime, EVERY, morning=True),
    Check(directories.lock, EVERY, morning=False),
    Check(directories.state, EVERY, morning=False),
    Check(terminal.xtquant, QMT, morning=False),
    Check(terminal.data_path, QMT, morning=True),
    Check(terminal.account, QMT, morning=False),
    Check(terminal.quotes, QMT, morning=False),
    Check(server.server, REMOTE, morning=False),
)


def examine(site: Site, morning: bool = False) -> Iterator[Finding]:
    """Run the checks for the site's broker, one after another; with `morning` the cheap ones alone."""
    for check in CHECKS:
        if site.broker in check.brokers and (check.morning or not morning):
            yield from check.run(site)


def counted(findings: list[Finding]) -> str:
    """The outcome in one line."""
    failed = sum(one.level is Level.FAILED for one in findings)
    warned = sum(one.level is Level.WARNING for one in findings)
    return f"{failed} 项失败，{warned} 项警告，共 {len(findings)} 项"
