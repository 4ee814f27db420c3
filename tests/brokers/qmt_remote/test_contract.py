"""The remote broker keeps the contract of every broker, over real sockets to a server of ours."""

from __future__ import annotations

import pytest
from remote_world import RemoteWorld

from bullet_trade.testing.broker_cards import CARDS
from bullet_trade.testing.check_broker import check_broker


@pytest.mark.parametrize("card", [card.name for card in CARDS])
def test_the_remote_broker_passes_every_card_of_the_contract(card: str) -> None:
    check_broker(RemoteWorld, [card])
