"""What holds for every test: nothing is left in the user's home, and a busy machine is no failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(autouse=True, scope="session")
def locks_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines that tests start take their account locks in a directory of the test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLET_TRADE_HOME", str(tmp_path_factory.mktemp("home")))
        yield
