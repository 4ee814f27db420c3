"""Puts the operator's hand on a run: status, watchdog, control socket, and the watch on the strategy's file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bullet_trade.domain.errors import UsageError
from bullet_trade.engine.clock import WallClock
from bullet_trade.engine.commands import OperatorCommand, Who
from bullet_trade.engine.events import Audience, StateNote
from bullet_trade.ops.compose import Run
from bullet_trade.ops.control.brake_file import told
from bullet_trade.ops.control.commands import Commands
from bullet_trade.ops.control.endpoint import Place
from bullet_trade.ops.control.server import ControlServer
from bullet_trade.ops.run_request import RunRequest
from bullet_trade.ops.settings import Settings
from bullet_trade.ops.status import About, StatusDesk
from bullet_trade.ops.strategy_file import LOOK_EVERY, FileWatch, unsupported
from bullet_trade.ops.watchdog import Watchdog
from bullet_trade.ports.clock import Rank

STATUS_EVERY_S = 1.0


class OperatorsHand:
    """For runs on the wall clock, or on a clock that plays: one that jumps is over before anyone could command it.

    `status` is an audience and has to be among those of the run; `alarm` is told from the watchdog's thread.
    """

    def __init__(self, alarm: Audience, settings: Settings) -> None:
        self._alarm = alarm
        self._settings = settings
        self._wall = WallClock()
        self.status = StatusDesk(self._wall.monotonic)

    @contextmanager
    def on(self, run: Run, request: RunRequest) -> Iterator[None]:
        """Have the run watched and commanded. Called on the engine thread; raises `UsageError` where that fails."""
        engine, parts = run.session.engine, run.session.parts
        watchdog = Watchdog(
            engine.host,
            parts.inbox,
            self._alarm,
            self._settings.event_time_out,
            parts.clock.now,
            self._wall.monotonic,
        )
        commands = Commands(parts, self.status, watchdog, self._wall.now, self._wall.monotonic)
        engine.reloader.check = unsupported
        self._note_brake(run)
        about = About(os.getpid(), str(request.strategy), parts.broker.label, self._mode(request), str(run.directory))
        self.status.attach(engine, about, STATUS_EVERY_S * (request.speed or 1.0))
        if request.replay is None:
            self._watch_file(run)
        with ExitStack() as undo:
            server = ControlServer(Place(run.directory), commands.handle)
            try:
                server.start()
            except OSError as error:
                server.close()
                raise UsageError(f"控制通道无法建立：{error}", "检查运行目录的权限和空间") from error
            undo.callback(server.close)
            watchdog.start()
            undo.callback(watchdog.close)
            yield

    def _mode(self, request: RunRequest) -> str:
        if request.replay is not None:
            return f"回放 {request.speed:g} 倍速"
        return "实时" if self._settings.live_mode == "live" else f"实时 {self._settings.live_mode}"

    def _note_brake(self, run: Run) -> None:
        engine, state = run.session.engine, run.session.parts.brake.state
        words = told(state)
        if words:
            engine.journal.append(engine.now(), "brake", state)
            engine.tell(StateNote(engine.now(), words))

    def _watch_file(self, run: Run) -> None:
        engine, way = run.session.engine, self._settings.strategy_reload
        if way == "off":
            return

        def changed() -> None:
            now = engine.now()
            if way == "auto":
                who = Who("STRATEGY_RELOAD=auto", os.getpid(), "")
                engine.operator.obey(OperatorCommand("reload", who, now.isoformat()))
                return
            command = f"bullet-trade reload --runtime-dir {run.directory}"
            engine.tell(StateNote(now, f"策略文件已修改，运行的仍是旧代码；要换新执行 {command}"))

        def later(look: Callable[[], None]) -> None:
            engine.timers.add(engine.now() + LOOK_EVERY, Rank.HOUSEKEEPING, look, repeated=True)

        FileWatch(engine.host.path, later, changed)
