"""The brokers that `--broker` names, one row each, and what stands before them in a dry run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bullet_trade.brokers.dry_run import DryRunBroker, PaperBroker
from bullet_trade.brokers.qmt.terms import check_account_id
from bullet_trade.brokers.simulator.account import read_account, saved_form, taken_over
from bullet_trade.brokers.simulator.broker import Market, SimulatedBroker
from bullet_trade.brokers.simulator.drills import Drill
from bullet_trade.brokers.simulator.faults import DrilledBroker
from bullet_trade.domain.reports import AccountSnapshot
from bullet_trade.engine.clock import Clock
from bullet_trade.ops.assembly import Surroundings
from bullet_trade.ops.qmt_broker import qmt_broker
from bullet_trade.ops.remote_venue import remote_account, remote_broker
from bullet_trade.ops.run_request import LIVE, RunRequest, tag_label
from bullet_trade.ops.settings import Settings
from bullet_trade.ops.simulated_account import load_account
from bullet_trade.ports.broker import Broker
from bullet_trade.ports.exchange_feed import ExchangeFeed
from bullet_trade.store.files import write_atomically

ACCOUNT_FILE = "simulator_account.json"
PAPER_ACCOUNT_FILE = "paper_account.json"
ATTEND_S = 0.5
"""How often a simulated broker in real time looks for requests of other threads."""


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """What the maker of a broker may look at."""

    request: RunRequest
    around: Surroundings
    directory: Path
    settings: Settings
    drill: Drill | None
    clock: Clock


def _simulator(plan: BrokerPlan) -> Broker:
    around, directory, settings, drill = plan.around, plan.directory, plan.settings, plan.drill
    replaying = plan.request.replay is not None
    paced = not replaying or plan.request.speed is not None
    account_file = directory / ACCOUNT_FILE
    account = load_account(account_file, settings)

    def make(trading_now: ExchangeFeed) -> SimulatedBroker:
        seen = Market(trading_now, around.feed, around.data, around.calendar, around.securities)
        broker = SimulatedBroker(
            seen,
            around.timers,
            around.trading,
            account,
            report_delay_s=0.0 if replaying else settings.simulator_report_delay,
            attend_s=ATTEND_S if paced else 0.0,
        )
        if not replaying:
            broker.persist = lambda changed: write_atomically(account_file, saved_form(changed))
        return broker

    if drill is None:
        return make(around.feed)
    return DrilledBroker(drill, make, around.feed, around.timers, around.trading)


def _qmt(plan: BrokerPlan) -> Broker:
    return qmt_broker(plan.settings, tag_label(plan.request, plan.settings), plan.clock, plan.around.calendar)


def _remote(plan: BrokerPlan) -> Broker:
    return remote_broker(plan.settings, tag_label(plan.request, plan.settings), plan.clock)


REMOTE = "qmt-remote"
BROKERS: dict[str, Callable[[BrokerPlan], Broker]] = {"simulator": _simulator, "qmt": _qmt, REMOTE: _remote}


def as_mode_wants(real: Broker, around: Surroundings, directory: Path, settings: Settings, mode: str) -> Broker:
    """The broker itself, or what stands before it in a dry run."""
    if mode == LIVE:
        return real
    if not settings.dry_run_fill:
        return DryRunBroker(real, around.timers.now)
    account_file = directory / PAPER_ACCOUNT_FILE

    def open_paper(stated: AccountSnapshot) -> Broker:
        account = read_account(account_file.read_bytes(), str(account_file)) if account_file.exists() else None
        seen = Market(around.feed, around.feed, around.data, around.calendar, around.securities)
        return SimulatedBroker(
            seen,
            around.timers,
            around.trading,
            account or taken_over(stated),
            report_delay_s=settings.simulator_report_delay,
            persist=lambda changed: write_atomically(account_file, saved_form(changed)),
            attend_s=ATTEND_S,
        )

    return PaperBroker(real, around.timers, open_paper)


def account_key(request: RunRequest, settings: Settings, directory: Path) -> str:
    """What tells the account from every other one at its broker; the simulator's account is its file."""
    if request.broker == "qmt":
        return check_account_id(settings.qmt_account_id)
    if request.broker == REMOTE:
        return remote_account(settings)
    return str((directory / ACCOUNT_FILE).resolve())
