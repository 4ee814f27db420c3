"""What the operator's commands do on the engine thread. Each is journaled before it acts and once more with what came
of it, and told to those who watch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import Order, OrderType, Side
from bullet_trade.domain.securities import Code
from bullet_trade.engine.asked import Asked
from bullet_trade.engine.brake import BrakeMode
from bullet_trade.engine.commands import Answer, OperatorCommand
from bullet_trade.engine.events import CancelsOpen, OperatorActed
from bullet_trade.engine.flatten import sale_plan
from bullet_trade.ports.clock import Rank

if TYPE_CHECKING:
    from bullet_trade.engine.engine import Engine

CANCEL_LIMIT_S = 10.0
"""A cancel that is not answered within this time is asked for once more, then left to a person."""

RELOAD = "reload"
AT_MARKET = Price(0)
MODES = {BrakeMode.RUNNING: "没有刹车", BrakeMode.PAUSED: "暂停", BrakeMode.HALTED: "急停"}


class Operator:
    """The operator's hand in one engine. Engine thread only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._brake = engine.parts.brake
        self._postponed: deque[OperatorCommand] = deque()
        self._table: dict[str, Callable[[OperatorCommand], Answer]] = {
            "pause": self._pause,
            "resume": self._resume,
            "halt": self._halt,
            "cancel-all": self._cancel_all,
            "flatten-plan": self._plan,
            "flatten": self._flatten,
            RELOAD: self._reload,
            "stop": self._stop,
        }

    def obey(self, command: OperatorCommand) -> None:
        """Carry out a command. A reload waits for the end of the running callback."""
        engine = self._engine
        if command.name == RELOAD and engine.host.busy:
            self._postponed.append(command)
            return
        now = engine.now()
        body: dict[str, object] = {
            "command": command.name,
            "who": command.who,
            "received_at": command.received_at,
            "why": command.why,
            "cancelled": command.tags,
        }
        engine.journal.append(now, "operator", body)
        engine.journal.barrier()
        if command.claim():
            answer = self._table[command.name](command)
        else:
            answer = Answer(False, "withdrawn", "操作员没有等到执行，命令已作废")
        outcome: dict[str, object] = {"command": command.name, "ok": answer.ok, "code": answer.code}
        engine.journal.append(now, "operator_done", {**outcome, "text": answer.text, "orders": answer.orders})
        engine.journal.barrier()
        if command.name != "flatten-plan":
            engine.tell(OperatorActed(now, command.name, command.who.text, answer.ok, answer.text))
        command.answer(answer)

    def catch_up(self) -> None:
        """Between callbacks: carry out what had to wait."""
        while self._postponed:
            self.obey(self._postponed.popleft())

    # -- the brake -------------------------------------------------------------------------------------------------

    def _pause(self, command: OperatorCommand) -> Answer:
        try:
            done = self._brake.pause(command.who.text, command.why, self._engine.now().isoformat())
        except OSError as error:
            return _not_kept("策略已暂停", error)
        if done:
            return Answer(True, "paused", "策略已暂停：不再调用定时函数，不下新单；回报和对账照常")
        return Answer(False, "halted", "急停有效，比暂停更严；先执行 bullet-trade resume")

    def _resume(self, command: OperatorCommand) -> Answer:
        was = MODES[self._brake.state.mode]
        try:
            done = self._brake.resume(command.who.text, command.why, self._engine.now().isoformat(), command.brake)
        except OSError as error:
            return _not_kept("已恢复", error)
        if done:
            return Answer(True, "running", f"已恢复（之前为{was}）；暂停期间错过的任务不补做")
        return Answer(False, "changed", "在这条命令之后又有人踩了刹车，没有恢复；确认后再执行一次 resume")

    def _halt(self, _: OperatorCommand) -> Answer:
        # The control thread has set the brake before this came here.
        return Answer(True, "halted", f"急停有效：拒绝新委托，撤单照常{self._still_open()}")

    def _stop(self, command: OperatorCommand) -> Answer:
        self._engine.stop_on_request(f"操作员 {command.who.text} 停止")
        return Answer(True, "stopping", f"引擎正在保存并退出，不再下单{self._still_open()}")

    def _reload(self, _: OperatorCommand) -> Answer:
        if self._engine.stopping:
            return Answer(False, "stopping", "引擎正在退出，没有重新加载")
        return self._engine.reloader()

    def _still_open(self) -> str:
        numbers = [f"#{order.order_id}" for order in self._engine.book.open_orders()]
        return f"；未完成委托 {'、'.join(numbers)} 仍在券商" if numbers else "；没有未完成的委托"

    # -- orders ----------------------------------------------------------------------------------------------------

    def _cancel_all(self, command: OperatorCommand) -> Answer:
        engine = self._engine
        orders = engine.book.open_orders()
        for order in orders:
            engine.desk.cancel(order, engine.now(), order.tag in command.tags, by_operator=True)
        if not orders:
            return Answer(True, "nothing_open", "没有未完成的委托")
        self._follow(orders, again=True)
        return Answer(
            True,
            "cancelling",
            f"已请求撤销 {len(orders)} 笔委托；{CANCEL_LIMIT_S:g} 秒后仍未确认的会再撤一次并告警",
            tuple(order.order_id for order in orders),
        )

    def _follow(self, orders: Sequence[Order], again: bool) -> None:
        engine = self._engine
        due = engine.now() + timedelta(seconds=CANCEL_LIMIT_S)
        engine.timers.add(due, Rank.DAY, lambda: self._look_after(orders, again), repeated=True)

    def _look_after(self, orders: Sequence[Order], again: bool) -> None:
        engine, left = self._engine, [order for order in orders if not order.is_final]
        if not left:
            return
        now, numbers = engine.now(), tuple(order.order_id for order in left)
        engine.journal.append(now, "cancels_open", {"orders": numbers, "again": again})
        engine.tell(CancelsOpen(now, numbers, again))
        engine.account.want(now)
        if again:
            for order in left:
                engine.desk.cancel(order, now, by_operator=True)
            self._follow(left, again=False)

    def _plan(self, _: OperatorCommand) -> Answer:
        lines = sale_plan(self._engine)
        if not lines:
            return Answer(True, "nothing_held", "没有持仓")
        count = sum(line.sellable > 0 for line in lines)
        return Answer(True, "plan", f"持仓 {len(lines)} 只，现在可卖 {count} 只", plan=lines)

    def _flatten(self, command: OperatorCommand) -> Answer:
        engine = self._engine
        lines = sale_plan(engine)
        placed: list[Order] = []
        refused: list[str] = []
        for line in lines:
            if not line.sellable:
                continue
            orders = engine.desk.place(
                Code(line.code),
                Side.SELL,
                line.sellable,
                OrderType.MARKET,
                AT_MARKET,
                engine.now(),
                asked=Asked("flatten", command.who.text),
                by_operator=True,
            )
            placed += orders
            if not orders:
                refused.append(f"{line.code} 被拒（原因见日志）")
        left = [f"{line.code} {line.obstacle}" for line in lines if not line.sellable]
        words = [f"已发出 {len(placed)} 笔卖出委托", *refused, *left]
        if self._brake.state.mode.value == "running":
            words.append("策略仍在运行，可能再次买入：需要时执行 pause 或 halt")
        numbers = tuple(order.order_id for order in placed)
        return Answer(not refused, "selling" if placed else "nothing_sold", "；".join(words), numbers, lines)


def _not_kept(done: str, error: OSError) -> Answer:
    return Answer(False, "not_kept", f"{done}，但没能写入 brake.json（{error}）：重启后不保留，请检查磁盘和权限")
