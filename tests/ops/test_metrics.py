"""What Prometheus reads: counts and times of a day, how things stand, and the dashboard that shows them."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import OrderId, OrderState, OrderType, Side
from bullet_trade.domain.reports import Accepted, Filled
from bullet_trade.domain.securities import Code
from bullet_trade.engine.events import (
    CallbackFailed,
    Event,
    LinkChanged,
    OrderFacts,
    OrderFinished,
    OrderPlaced,
)
from bullet_trade.engine.intent import Intent
from bullet_trade.ops.metrics import Metrics
from bullet_trade.ops.status import About, StatusDesk
from bullet_trade.store.journal import SqliteJournal
from bullet_trade.strategy.session import Session
from bullet_trade.testing.days import run_days
from bullet_trade.testing.fake_market import FakeMarket
from bullet_trade.testing.recorder import Recorder

prometheus_client = pytest.importorskip("prometheus_client")

DAY, CODE = date(2025, 6, 3), "600000.XSHG"
DASHBOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana-bullet-trade.json"
SOURCE = f"""
from jqdata import *

def initialize(context):
    run_daily(buy, '10:00')
    run_daily(fail, '11:00')

def buy(context):
    order('{CODE}', 100)
    order('{CODE}', 200)
    order('{CODE}', 10_000_000)
    order('000001.XSHE', 100)

def fail(context):
    raise ValueError('x')
"""


class Watching(Recorder):
    """Has metrics, and a status desk, hear what a run tells."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.metrics = Metrics(self._steady)
        self.status = StatusDesk(self._steady)

    def _steady(self) -> float:
        self.seconds += 0.001
        return self.seconds

    def tell(self, event: Event) -> None:
        super().tell(event)
        self.metrics.tell(event)
        self.status.tell(event)

    def attach(self, session: Session, journal: Path) -> None:
        self.status.attach(session.engine, About(1, "s.py", "模拟", "实时", "."), 1.0)
        self.metrics.attach(session.engine, self.status, journal)

    def value(self, name: str, **labels: str) -> float | None:
        found: float | None = self.metrics.registry.get_sample_value(f"bullet_trade_{name}", labels)
        return found


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Watching:
    """What a day of trading left."""
    recorder = Watching()
    market = FakeMarket().add(CODE, {DAY: 10.0}, prev_close=10.0)
    directory = tmp_path_factory.mktemp("run")

    def prepare(session: Session) -> None:
        recorder.attach(session, directory / "journal.db")

    run_days(SOURCE, market, DAY, DAY, directory=directory, recorder=recorder, prepare=prepare)
    return recorder


def test_orders_refusals_and_errors_are_counted(watching: Watching) -> None:
    assert watching.value("orders_total", side="buy") == 2 + 1  # the third was cut to what cash allows
    assert watching.value("refusals_total", rule="unknown_security") == 1
    (label,) = {event.callback for event in watching.of(CallbackFailed)}
    assert watching.value("callback_errors_total", callback=label) == 1
    assert watching.value("order_ends_total", state="filled") == 3


def test_how_things_stand_is_read_from_what_the_engine_published(watching: Watching) -> None:
    value = watching.value("account_value_yuan")
    assert value is not None and 990_000 < value < 1_000_000
    assert watching.value("positions") == 1
    assert watching.value("link_up") == 1
    assert watching.value("inbox_depth") == 0
    assert (watching.value("journal_bytes") or 0) > 0
    assert watching.value("quote_age_seconds") is not None


def test_saves_are_timed(watching: Watching) -> None:
    saves = watching.value("saves_total")
    assert saves and watching.value("save_seconds_count") == saves


def test_an_order_is_timed_from_its_intent_to_its_fill(tmp_path: Path) -> None:
    at = datetime(2025, 6, 3, 10)
    seconds = [0.0]
    metrics = Metrics(lambda: seconds[0])
    inner = SqliteJournal(tmp_path / "journal.db")
    journal = metrics.journal(inner)
    price, code = Price(100_000), Code(CODE)
    intent = Intent(OrderId(1), OrderId(1), "t1", code, Side.BUY, 100, 100, OrderType.LIMIT, price, price, Money(0), ())
    facts = OrderFacts(
        OrderId(1), code, "", Side.BUY, 100, OrderType.LIMIT, price, price, OrderState.FILLED, 100, price, Money(0), ""
    )

    def after(elapsed_s: float) -> None:
        seconds[0] += elapsed_s

    journal.append(at, "intent", intent)
    journal.barrier()
    after(0.004)
    metrics.tell(OrderPlaced(at, facts, ()))
    after(0.3)
    journal.append(at, "report", Accepted("t1", "b1", at))
    after(2.0)
    for number in ("x1", "x2"):
        journal.append(at, "report", Filled("t1", number, 50, price, at, None))
        after(5.0)
    metrics.tell(OrderFinished(at, facts, 7.3, None))
    journal.append(at, "callback_end", {"name": "buy", "ok": True, "ms": 12.5})
    journal.close()

    def total(name: str, **labels: str) -> tuple[float | None, float]:
        read = metrics.registry.get_sample_value
        return read(f"bullet_trade_{name}_count", labels), round(read(f"bullet_trade_{name}_sum", labels) or 0, 6)

    assert total("intent_to_submit_seconds") == (1, 0.004)
    assert total("submit_to_accept_seconds") == (1, 0.3)
    assert total("submit_to_first_fill_seconds") == (1, 2.3)
    assert total("callback_seconds", callback="buy") == (1, 0.0125)
    assert metrics.registry.get_sample_value("bullet_trade_fills_total") == 2


def test_a_lost_and_regained_connection_are_counted() -> None:
    recorder = Watching()
    for up in (False, True, False):
        recorder.tell(LinkChanged(DAY, up, ""))  # type: ignore[arg-type]
    assert (recorder.value("disconnects_total"), recorder.value("reconnects_total")) == (2, 1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_endpoint_answers_and_a_port_in_use_is_told(watching: Watching) -> None:
    port = free_port()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with watching.metrics.served("127.0.0.1", port):
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            page = answer.read().decode()
        with (
            pytest.raises(UsageError, match=f"127.0.0.1:{port}"),
            Metrics(lambda: 0.0).served("127.0.0.1", port),
        ):
            pass
    assert "bullet_trade_account_value_yuan" in page


def test_the_dashboard_shows_only_series_that_exist(watching: Watching) -> None:
    document = dashboard()
    ids = [panel["id"] for panel in document["panels"]]
    assert len(ids) == len(set(ids)) > 10
    named = set(re.findall(r"bullet_trade_\w+", json.dumps(document)))
    families = list(watching.metrics.registry.collect())
    known = {sample.name for family in families for sample in family.samples}
    known |= {f"{family.name}_total" for family in families if family.type == "counter"}
    known |= {f"{family.name}_bucket" for family in families if family.type == "histogram"}
    known |= {family.name for family in families if family.type == "gauge"}
    assert named - known == set()


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return document


def test_the_dashboard_can_be_imported() -> None:
    """What Grafana asks of a file: an identity, a current schema, and a source that the user chooses."""
    document = dashboard()
    assert document["uid"] and document["title"] and document["schemaVersion"] >= 36
    assert document.get("id") is None  # a number would overwrite somebody else's dashboard
    (source,) = [one for one in document["templating"]["list"] if one["type"] == "datasource"]
    chosen = {"type": source["query"], "uid": f"${{{source['name']}}}"}
    asking = [*document["panels"], *(one for one in document["templating"]["list"] if one["type"] == "query")]
    assert [one for one in asking if one["datasource"] != chosen] == []
    assert source["query"] == "prometheus"


def test_the_panels_of_the_dashboard_stand_side_by_side() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard()["panels"]:
        assert panel["title"] and panel["type"] and panel["fieldConfig"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]


def test_the_queries_of_the_dashboard_are_whole_and_told_apart() -> None:
    closing = {")": "(", "]": "[", "}": "{"}
    for panel in dashboard()["panels"]:
        marks = [target["refId"] for target in panel["targets"]]
        assert marks and len(marks) == len(set(marks)), panel["title"]
        for target in panel["targets"]:
            assert "bullet_trade_" in target["expr"] and '{instance=~"$instance"}' in target["expr"]
            open_: list[str] = []
            for sign in re.sub(r'"[^"]*"', "", target["expr"]):
                if sign in closing.values():
                    open_.append(sign)
                elif sign in closing:
                    assert open_ and open_.pop() == closing[sign], target["expr"]
            assert open_ == [], target["expr"]
