"""How a stand-in terminal behaves; everything that was seen of real ones, as switches. Times are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event


@dataclass(slots=True)
class Behaviour:
    """All off: a terminal as it should be."""

    mute: bool = False
    """It does what it is asked, and answers and pushes nothing."""
    deaf: bool = False
    """Requests never arrive."""
    mute_requests: set[str] = field(default_factory=set)
    """Requests (native names without `WithSeq`) that are not answered."""
    failing: set[str] = field(default_factory=set)
    """Queries that are answered with None."""
    none_for_empty: bool = False
    """Empty lists are answered with None."""
    query_gap_s: float = 0.0
    """Queries that come sooner after the one before are passed over without an answer."""
    query_delay_s: float = 0.0
    """Answers to queries come so much later."""
    hang: dict[str, Event] = field(default_factory=dict)
    """Native calls (`connect`, `orderStock`, ...) that do not return until the event is set."""
    refuse_connections: int = 0
    """So many attempts to connect fail."""
    rest_s: float = 3.0
    """So long a session number has to rest between two connections."""
    subscribe_result: int = 0
    rejects_as_junk: bool = False
    """Refused orders are listed with status 57; else there is an error and no order."""
    error_first: bool = False
    """An error comes before the answer to the order."""
    pushes_first: bool = False
    """Pushes of an order, trades included, come before the answer to it."""
    no_order: bool = False
    """Orders get a number, and are never made."""
    no_answer_to_orders: bool = False
    """Orders are made, and the request is not answered."""
    market_types: bool = True
    """False on simulation accounts: market orders are refused."""
    cancel_results_inverted: bool = False
    hold_cancels: bool = False
    """Cancels stay pending (51, 52) until the test ends them."""
    lose_cancels: bool = False
    """Requests to cancel are answered and nothing comes of them."""
    pushes: int = 1
    """How often each push is sent."""
    push_delay_s: float = 0.0
    shuffle_s: float = 0.0
    """Pushes of so long a time come together, in any order."""
    drop_every: int = 0
    """Each so-manieth push of a trade is lost."""
    bare_pushes: bool = False
    """Pushes carry codes without the exchange and no remark; lists are complete."""
    push_day_again: bool = False
    """After a subscription the day's orders and trades are pushed again, in any order."""
