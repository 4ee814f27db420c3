"""The broker contract suite: a factory in, torments out.

    from bullet_trade.testing import check_broker

    def test_my_broker_keeps_the_contract() -> None:
        check_broker(lambda disturbance: MyWorld(disturbance))

`MyWorld` implements `broker_world.World` around the broker under test. What it declares in `cannot` is skipped, with
the reason in the result. Cards and their names are in `broker_cards.CARDS`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from bullet_trade.testing.broker_cards import CARDS, Card
from bullet_trade.testing.broker_world import Factory
from bullet_trade.testing.referee import BreachError, Referee


class Outcome(Enum):
    """How a card ended."""

    PASSED = "通过"
    FAILED = "不符"
    SKIPPED = "跳过"


@dataclass(frozen=True, slots=True)
class CardResult:
    """One card's outcome; `detail` says in Chinese what broke, or why it was skipped."""

    name: str
    title: str
    outcome: Outcome
    detail: str = ""

    def line(self) -> str:
        """For people."""
        return f"[{self.outcome.value}] {self.name} {self.title}" + (f"：{self.detail}" if self.detail else "")


class BrokerContractError(AssertionError):
    """A broker does not keep the contract. `results` holds every card."""

    def __init__(self, results: list[CardResult]) -> None:
        self.results = results
        failed = [result.line() for result in results if result.outcome is Outcome.FAILED]
        super().__init__(f"{len(failed)} 项不符合券商接口约定：\n" + "\n".join(failed))


def check_broker(factory: Factory, only: Collection[str] = ()) -> list[CardResult]:
    """Torment the broker of `factory`, one fresh world per card; the results of all cards.

    `only`: names of the cards to run, all where empty. Raises `BrokerContractError` when any card failed.
    """
    results = [_run(card, factory) for card in CARDS if not only or card.name in only]
    if any(result.outcome is Outcome.FAILED for result in results):
        raise BrokerContractError(results)
    return results


def _run(card: Card, factory: Factory) -> CardResult:
    world = factory(card.disturbance)
    missing = next((ability for ability in card.needs if ability in world.cannot), None)
    if missing is not None:
        world.close()
        return CardResult(card.name, card.title, Outcome.SKIPPED, f"{missing.value}：{world.cannot[missing]}")
    referee = Referee(world, card.disturbance)
    detail = ""
    try:
        card.run(referee)
    except BreachError as breach:
        detail = str(breach)
    except Exception as error:  # noqa: BLE001  # a broker that raises breaks the contract, whatever it raises
        detail = f"抛出 {type(error).__name__}：{error}"
    finally:
        if not referee.closed:
            world.broker.close()
        world.close()
    details = "；".join(filter(None, (detail, *dict.fromkeys(referee.breaches))))
    return CardResult(card.name, card.title, Outcome.FAILED if details else Outcome.PASSED, details)
