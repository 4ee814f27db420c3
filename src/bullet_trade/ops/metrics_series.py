"""The series that Prometheus reads: their names, units and labels. Needs prometheus-client (`[metrics]`)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

FAST = (0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SLOW = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class Series:
    """All that is counted and timed. Safe for any thread; an increment costs about a microsecond."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"bullet_trade_{name}", words, labels, registry=registry)

        def timed(name: str, words: str, *labels: str, buckets: tuple[float, ...] = FAST) -> Histogram:
            return Histogram(f"bullet_trade_{name}_seconds", words, labels, registry=registry, buckets=buckets)

        self.orders = counter("orders", "Orders handed to the broker", "side")
        self.order_ends = counter("order_ends", "Orders that are over, by their last state", "state")
        self.fills = counter("fills", "Fills reported by the broker")
        self.filled_shares = counter("filled_shares", "Shares filled, of orders that are over", "side")
        self.refusals = counter("refusals", "Orders and cancels that rules of ours kept back", "rule")
        self.reports_ignored = counter("reports_ignored", "Broker reports that fit no order or state")
        self.alarms = counter("alarms", "Alarms of the patrol", "kind")
        self.callback_errors = counter("callback_errors", "Exceptions in the strategy", "callback")
        self.callbacks_overdue = counter("callbacks_overdue", "Alarms about callbacks that do not return")
        self.tasks_missed = counter("tasks_missed", "Runs of tasks that were left out because their time had passed")
        self.disconnects = counter("disconnects", "Losses of the connection to the broker")
        self.reconnects = counter("reconnects", "Returns of the connection to the broker")
        self.differences = counter(
            "account_differences", "Comparisons in which the broker's account differed from ours"
        )
        self.clock_steps = counter("clock_steps", "Jumps of the machine's clock")
        self.saves = counter("saves", "Saves of the state")
        self.intent_to_submit = timed(
            "intent_to_submit", "From the journaled intent until the order leaves for the broker"
        )
        self.submit_to_accept = timed("submit_to_accept", "From there until the broker accepted", buckets=SLOW)
        self.submit_to_fill = timed("submit_to_first_fill", "From there until the first fill", buckets=SLOW)
        self.callback = timed(
            "callback", "Run time of the strategy's callbacks", "callback", buckets=(*FAST[:-1], *SLOW[6:])
        )
        self.save = timed("save", "Time that a save takes of the engine's thread")
        self.barrier = timed("journal_barrier", "Time until the journal is durable")
