"""What goes wrong on the connection's own thread ends no connection and no cancel."""

from __future__ import annotations

from threading import Event

from remote_world import RemoteWorld

from bullet_trade.domain.reports import AccountSnapshot, Report


def test_the_thread_outlives_a_memory_error_and_the_account_is_stated_again() -> None:
    """G09: the thread that carries the reports does not die silently with one of them."""
    world = RemoteWorld()
    told: list[Report] = []
    failed = Event()

    def sink(report: Report) -> None:
        if isinstance(report, AccountSnapshot) and not failed.is_set():
            failed.set()
            raise MemoryError
        told.append(report)

    try:
        world.broker.connect(sink)
        listening = world.broker.listening
        world.run(1.0)
        assert failed.wait(10.0)
        assert listening.wait(lambda: listening.ups >= 1)
        world.run(1.0)
        world.broker.request_snapshot()
        world.run(1.0)
        assert listening.wait(lambda: any(isinstance(report, AccountSnapshot) for report in told))
    finally:
        world.close()
