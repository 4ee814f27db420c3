"""Those who look on while a live run trades, where the settings ask for them: the messenger, the metrics, and who
writes each day's report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from bullet_trade.engine.events import Audience
from bullet_trade.ops.compose import JOURNAL_FILE, Run, Watch, unwatched
from bullet_trade.ops.daily_report import DailyReports
from bullet_trade.ops.log_masking import Mask
from bullet_trade.ops.metrics import metered
from bullet_trade.ops.notify.wiring import listen, messenger, sending
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.ops.status import StatusDesk


class Onlookers:
    """Of one run. A replay has none: nobody wants to be called about the past."""

    def __init__(self, request: RunRequest, settings: Settings, mask: Mask) -> None:
        """Raises `UsageError` for settings that cannot be used, or where a library is missing."""
        live = request.replay is None
        self._settings = settings
        self._notifier = messenger(settings, request.strategy.stem, mask) if live else None
        self._metrics = metered(settings) if live else None
        self._daily = DailyReports() if live and settings.daily_report else None

    @property
    def members(self) -> list[Audience]:
        """Who is told what the engine tells."""
        return [one for one in (self._notifier, self._metrics, self._daily) if one is not None]

    @property
    def watch(self) -> Watch:
        """What the engine's journal is read along with."""
        return self._metrics.journal if self._metrics is not None else unwatched

    @contextmanager
    def around(self, log: Audience) -> Iterator[None]:
        """For the whole run, from before it is composed; `log` hears what is wrong with those who look on."""
        with ExitStack() as undo:
            undo.enter_context(sending(self._notifier, log))
            if self._daily is not None:
                self._daily.log = log
                undo.enter_context(closing(self._daily))
            yield

    def start(self, run: Run) -> None:
        """Begin to send: there is a directory now."""
        if self._daily is not None:
            self._daily.begin(run.directory)
            if self._notifier is not None:
                self._notifier.words_of_day = self._daily.words
        if self._notifier is not None:
            self._notifier.start(run.directory)

    @contextmanager
    def on(self, run: Run, status: StatusDesk) -> Iterator[None]:
        """While the engine runs; called on its thread. Raises `UsageError` where the port cannot be had."""
        with ExitStack() as undo:
            if self._notifier is not None:
                listen(self._notifier, status)
            if self._metrics is not None:
                self._metrics.attach(run.session.engine, status, run.directory / JOURNAL_FILE)
                undo.enter_context(self._metrics.served(self._settings.metrics_host, self._settings.metrics_port))
            yield
