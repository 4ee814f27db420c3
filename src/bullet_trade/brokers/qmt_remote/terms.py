"""How the adapter deals with the server: whose account, and how long to wait for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemoteTerms:
    """`account_key` and `sub_account` name the account, '' is the server's own choice. `tag_prefix` is how this
    strategy's tags begin.

    Times are seconds: `place_s` until the answer to an order is given up, `answer_s` until it counts as unanswered,
    `deadline_s` after which the server must not carry an order out any more, `query_s` for an answer to a question,
    `cancel_s` that the server may wait for the proof of a cancel, `settle_s` before absence from the lists of a server
    without the means to resolve proves anything (`failed_s` where the server reported an error itself), `chase_s` the
    first pause between questions after an order's fate, `poll_s` between looks at the lists of a server that pushes
    nothing, while orders are open, `retry_s` before a question about the account that failed is asked again.
    """

    account_key: str = ""
    sub_account: str = ""
    tag_prefix: str = "bt"
    place_s: float = 60.0
    answer_s: float = 10.0
    deadline_s: float = 5.0
    query_s: float = 15.0
    cancel_s: float = 5.0
    settle_s: float = 90.0
    failed_s: float = 10.0
    chase_s: float = 1.0
    chase_most_s: float = 30.0
    poll_s: float = 1.5
    retry_s: float = 1.0
