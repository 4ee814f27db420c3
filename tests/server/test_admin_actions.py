"""`admin.health` and `admin.print_account` in the words of wire document, section 16."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from served import Peer, Served

from bullet_trade.testing.fake_broker import ScriptedBroker

Serve = Callable[..., Served]
Connect = Callable[..., Peer]

HEALTH = {
    "process_alive": bool, "uptime_seconds": float, "sessions": int, "accounts": list, "features": list, "qmt": dict,
    "backend_type": str, "idempotency": dict,
}  # fmt: skip
GUARD = {
    "name": str, "ready": bool, "state": str, "failure_count": int, "last_error": (str, type(None)),
    "last_error_type": (str, type(None)), "last_error_at": (float, type(None)), "accounts": dict, "backend_type": str,
    "reason": str, "actions": dict,
}  # fmt: skip
WITHOUT_MEANING_HERE = {"retry_after_seconds", "next_probe_at", "tcp_pressure_threshold"}
IDEMPOTENCY = {
    "mode": str, "key_required": bool, "entries": int, "max_entries": type(None), "saturated": bool,
    "cross_restart_exactly_once": bool, "unknown_auto_resend": bool,
}  # fmt: skip


def fits(found: dict[str, object], table: dict[str, object]) -> None:
    assert set(found) == set(table)
    for name, kind in table.items():
        assert isinstance(found[name], kind), (name, found[name])  # type: ignore[arg-type]


def test_health_has_the_fields_of_the_table(serve: Serve, clients: Connect) -> None:
    answer = clients(serve()).get("admin.health")
    assert answer["dtype"] == "dict"  # type: ignore[index]
    value = answer["value"]  # type: ignore[index]
    fits(value, HEALTH)
    fits(value["qmt"], GUARD)
    fits(value["idempotency"], IDEMPOTENCY)
    assert not WITHOUT_MEANING_HERE & set(value["qmt"])
    assert (value["qmt"]["state"], value["qmt"]["failure_count"], value["qmt"]["last_error"]) == ("ready", 0, None)
    assert value["qmt"]["actions"]["broker.place_order"] == {"status": "ready"}


def test_health_tells_of_a_lost_connection_and_remembers_it(serve: Serve, clients: Connect) -> None:
    """Section 16: health works while the terminal is down. 10:00 in Beijing is 1767578400 s since 1970."""
    served = serve()
    client = clients(served)
    served.on_account(lambda: served.broker.lose_link("终端退出"))
    guard = client.get("admin.health")["value"]["qmt"]  # type: ignore[index]
    assert (guard["ready"], guard["state"], guard["reason"]) == (False, "unavailable", "终端退出")
    assert (guard["failure_count"], guard["last_error"], guard["last_error_type"]) == (1, "终端退出", "LinkDown")
    assert timedelta(0) <= timedelta(seconds=guard["last_error_at"] - 1767578400) < timedelta(minutes=1)
    assert guard["accounts"] == {"main": {"connected": False}}
    assert guard["actions"]["broker.cancel_order"] == {"status": "unavailable", "reason": "终端退出"}
    served.on_account(served.broker.restore_link)
    guard = client.get("admin.health")["value"]["qmt"]  # type: ignore[index]
    assert (guard["ready"], guard["reason"], guard["last_error"]) == (True, "", "终端退出")


def test_an_account_is_printed_as_a_line_of_money_and_a_table(serve: Serve, clients: Connect) -> None:
    broker = ScriptedBroker(50_000, {"000001.XSHE": 1000, "600000.XSHG": 1500}, cost=9.0)
    client = clients(serve(brokers={"main": broker}, subs="demo@main"))
    answer = client.get("admin.print_account", sub_account_id="demo@main", limit=None)
    assert {key: answer[key] for key in ("dtype", "account_key", "sub_account_id")} == {  # type: ignore[index]
        "dtype": "text", "account_key": "main", "sub_account_id": "demo",
    }  # fmt: skip
    lines = answer["value"].split("\n")  # type: ignore[index]
    # 50,000 of cash, 10,000 and 30,000 of shares.
    assert lines[0] == "券商账户概览: 总资产 90,000.00, 可用资金 50,000.00, 仓位 44.4%"
    assert [line.split()[0] for line in lines[2:]] == ["600000.XSHG", "000001.XSHE"]
    short = client.get("admin.print_account", limit=1)
    assert len(short["value"].split("\n")) == 3  # type: ignore[index]
    empty = clients(serve(directory="empty")).get("admin.print_account")
    assert empty["value"].endswith("\n当前持仓：无")  # type: ignore[index]
