"""What a request does on the control thread: the brake and cancels at once, the rest by way of the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import Lock

from bullet_trade.engine.commands import Answer, OperatorCommand
from bullet_trade.engine.engine import EngineParts
from bullet_trade.ops.control.messages import Reply, Request, Running
from bullet_trade.ops.status import StatusDesk
from bullet_trade.ops.watchdog import Watchdog

ANSWER_S = 5.0
"""How long a reply waits for the engine; then it says what keeps the engine busy."""

TAKEN_BACK = frozenset({"flatten", "flatten-plan"})
"""Commands that nobody wants carried out minutes later."""

FOREIGN = "；其他来源的委托：券商接口没有撤销途径，请在券商终端处理"


class Claim:
    """Settles between two threads whether a command is carried out or was given up."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._settled = False

    def take(self) -> bool:
        """True for whoever comes first."""
        with self._lock:
            first, self._settled = not self._settled, True
            return first


class Commands:
    """Handles the requests to one engine. All on the control thread; of the engine it touches the brake, the inbox and
    the broker's `cancel`, and reads what the status desk has published."""

    def __init__(
        self,
        parts: EngineParts,
        status: StatusDesk,
        watchdog: Watchdog,
        wall: Callable[[], datetime],
        steady: Callable[[], float],
        answer_s: float = ANSWER_S,
    ) -> None:
        self._parts = parts
        self._status = status
        self._watchdog = watchdog
        self._wall = wall
        self._steady = steady
        self._answer_s = answer_s

    async def handle(self, request: Request) -> Reply:
        """Carry out a request; what came of it."""
        if request.command == "status":
            return self._show()
        if request.command == "halt":
            return self._halt(request)
        if request.command == "cancel-all":
            return await self._cancel_all(request)
        return await self._engine_does(request)

    def _show(self) -> Reply:
        published = self._status.published
        running = self._watchdog.running()
        return Reply(
            True,
            "status",
            "" if published is not None else "引擎正在启动",
            status=published[0] if published is not None else None,
            age_s=round(self._steady() - published[1], 1) if published is not None else 0.0,
            brake=self._parts.brake.state,
            running=Running(running[0], round(running[1], 1)) if running is not None else None,
        )

    def _halt(self, request: Request) -> Reply:
        at = self._wall().isoformat()
        try:
            quiet = self._parts.brake.halt(request.who.text, request.why, at)
            kept = ""
        except OSError as error:
            quiet, kept = True, f"；但没能写入 brake.json（{error}），重启后不保留，请检查磁盘和权限"
        self._parts.inbox.put(self._command(request))
        leaving = "" if quiet else "；有一笔委托正在交给券商，可能刚刚发出"
        open_orders = self._open()
        still = f"；未完成委托 {len(open_orders)} 笔仍在券商，撤单用 cancel-all" if open_orders else ""
        numbers = tuple(number for number, _ in open_orders)
        words = f"急停有效：不再发出新委托{leaving}{still}{kept}"
        return Reply(not kept, "not_kept" if kept else "halted", words, numbers)

    async def _cancel_all(self, request: Request) -> Reply:
        self._parts.brake.wait_for_leaving()  # an order that was told of is now at the broker
        asked, failed = [], []
        for number, tag in self._open():
            try:
                self._parts.broker.cancel(tag)
                asked.append((number, tag))
            except Exception as error:  # noqa: BLE001 - the edge of an adapter: told, and the engine tries again
                failed.append(f"#{number} {type(error).__name__}: {error}")
        answer = await self._told(self._command(request, tuple(tag for _, tag in asked)))
        words = f"已向券商请求撤销 {len(asked)} 笔委托" if asked else "已公布的状态里没有未完成的委托"
        words += f"；没有发出的由引擎再试：{'，'.join(failed)}" if failed else ""
        if answer is not None:
            words = answer.text
        else:
            words += f"；{self._busy()}，记录和核对在它返回之后"
        code = answer.code if answer is not None else "cancelling"
        orders = answer.orders if answer is not None else tuple(number for number, _ in asked)
        return Reply(True, code, words + (FOREIGN if request.everything else ""), orders)

    async def _engine_does(self, request: Request) -> Reply:
        claim = Claim()
        answer = await self._told(self._command(request, claim=claim.take))
        if answer is not None:
            return Reply(answer.ok, answer.code, answer.text, answer.orders, answer.plan)
        if request.command in TAKEN_BACK and claim.take():
            return Reply(False, "withdrawn", f"没有执行：{self._busy()}，等它返回后再试；要立即停止下单用 halt")
        return Reply(True, "queued", f"命令已排队：{self._busy()}，返回后执行；要立即停止下单用 halt")

    def _command(
        self, request: Request, tags: tuple[str, ...] = (), claim: Callable[[], bool] = lambda: True
    ) -> OperatorCommand:
        return OperatorCommand(
            request.command,
            request.who,
            self._wall().isoformat(),
            request.why,
            tags,
            self._parts.brake.state.number,
            claim,
        )

    async def _told(self, command: OperatorCommand) -> Answer | None:
        """Put a command into the inbox and wait for its outcome; None when the engine is busy for too long."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Answer] = loop.create_future()

        def settle(given: Answer) -> None:
            if not outcome.done():  # nobody waits any more
                outcome.set_result(given)

        def answer(given: Answer) -> None:
            loop.call_soon_threadsafe(settle, given)

        self._parts.inbox.put(replace(command, answer=answer))
        try:
            return await asyncio.wait_for(outcome, self._answer_s)
        except TimeoutError:
            return None

    def _busy(self) -> str:
        running = self._watchdog.running()
        if running is None:
            return "引擎正忙"
        return f"策略函数 {running[0]} 已运行 {running[1]:.0f} 秒"

    def _open(self) -> list[tuple[int, str]]:
        published = self._status.published
        return [(line.number, line.tag) for line in published[0].orders if line.open] if published is not None else []
