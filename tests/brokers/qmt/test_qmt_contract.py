"""The adapter over the vendor's own Python layer keeps the broker contract."""

from __future__ import annotations

import pytest

from bullet_trade.testing.broker_cards import CARDS
from bullet_trade.testing.check_broker import Outcome, check_broker
from bullet_trade.testing.fake_qmt.install import wheel_is_there
from bullet_trade.testing.fake_qmt.world import QmtWorld

pytestmark = pytest.mark.skipif(not wheel_is_there(), reason="xtquant is not installed: pip install --no-deps xtquant")


@pytest.mark.parametrize("card", [card.name for card in CARDS])
def test_the_contract_is_kept(card):
    (result,) = check_broker(QmtWorld, only=[card])
    assert result.outcome is Outcome.PASSED
