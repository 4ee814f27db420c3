"""The operator's messenger: hears what the engine tells, and sends from a thread of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Pause
from threading import Thread

from bullet_trade.engine.events import Audience, Audiences, DayClosed, Event, StateNote
from bullet_trade.ops.log_masking import Mask, unmasked
from bullet_trade.ops.notify.channels import Channel
from bullet_trade.ops.notify.heartbeat import LOOK_EVERY_S, Heartbeat
from bullet_trade.ops.notify.lane import Lane, Spawn
from bullet_trade.ops.notify.note import ALARMS, Note, class_of, note_of
from bullet_trade.ops.notify.outbox import OUTBOX_FILE, Outbox, Waiting
from bullet_trade.ops.notify.terms import NotifyTerms

BACKLOG = 10_000
"""Events that may wait for the thread; more are counted, not kept."""

KEPT = timedelta(days=3)
"""What could not be delivered for so long is given up."""

IDLE_S, AFTER_DEFECT_S = 30.0, 5.0
CLOSE_S = 5.0
"""The end of the run waits this long for the last messages; what is left is sent at the next start."""


def in_thread(work: Callable[[], None]) -> None:
    """Run beside everything else; a thread that hangs does not keep the process alive."""
    Thread(target=work, name="notify-send", daemon=True).start()


class Notifier:
    """An `Audience` that any thread may tell; it only puts events into a queue. `step` may be called by one thread."""

    def __init__(
        self,
        channels: Sequence[Channel],
        terms: NotifyTerms,
        name: str,
        now: Callable[[], datetime],
        steady: Callable[[], float],
        spawn: Spawn = in_thread,
        mask: Mask = unmasked,
    ) -> None:
        """`name` stands in the titles; `mask` takes secrets out of the texts."""
        self._terms = terms
        self._mask = mask
        self.log: Audience = Audiences()
        """Told, from the notifier's thread, when a channel is lost or comes back, or the engine falls silent."""
        self.heartbeat: Heartbeat | None = None
        """Set once the engine is about to run."""
        self.words_of_day: Callable[[DayClosed], str] | None = None
        """Words a close, on the notifier's thread; without it a close is told in one line."""
        self._now = now
        self._steady = steady
        self._queue: SimpleQueue[Event | Note | None] = SimpleQueue()
        self._lost_events = 0
        self._lanes = [Lane(channel, name, terms, spawn, lambda: self._queue.put(None)) for channel in channels]
        self._labels = [lane.label for lane in self._lanes]
        self._outbox: Outbox | None = None
        self._path: Path | None = None
        self._tidied: date | None = None
        self._closing_s: float | None = None
        self._thread: Thread | None = None

    # -- any thread ------------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        if class_of(event) not in self._terms.classes:
            return
        if self._queue.qsize() >= BACKLOG:
            self._lost_events += 1
        else:
            self._queue.put(event)

    def alarm(self, text: str) -> None:
        """Tell something that no event tells."""
        self._queue.put(Note(self._now(), ALARMS, text, text, text))

    def start(self, directory: Path | None) -> None:
        """Begin to send; what waits in the directory's outbox, too. None keeps it in memory."""
        self._path = directory / OUTBOX_FILE if directory is not None else None
        self._thread = Thread(target=self._work, name="notify", daemon=True)
        self._thread.start()

    @property
    def started(self) -> bool:
        """Whether `start` was called."""
        return self._thread is not None

    def close(self) -> None:
        """Send what can be sent at once; then stop, whatever the channels do."""
        self._closing_s = self._steady() + CLOSE_S
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(CLOSE_S + 1.0)

    # -- the notifier's thread -------------------------------------------------------------------------------------

    def _work(self) -> None:
        self.open(self._path)
        over = False
        while not over:
            try:
                rest_s = self.step()
                over = self._over()
                self._take(0.0 if over else self._until_close(rest_s))
            except Exception as error:  # noqa: BLE001 - the edge of this thread: a defect must not end it silently
                self._tell(f"消息线程出错（{type(error).__name__}: {error}），继续运行；有消息可能没有送达")
                Pause().wait(AFTER_DEFECT_S)
                over = self._closing_s is not None
        self._hold(lambda outbox: outbox.close())

    def _until_close(self, rest_s: float) -> float:
        return rest_s if self._closing_s is None else min(rest_s, self._closing_s - self._steady())

    def _over(self) -> bool:
        return self._closing_s is not None and (self._quiet() or self._steady() >= self._closing_s)

    def open(self, path: Path | None) -> None:
        """Open the outbox; in memory where the file cannot be used."""
        try:
            self._outbox = Outbox(path)
            self._outbox.readdress(self._labels)
        except sqlite3.Error as error:
            self._without_file(error)

    def _give_up_old(self, now: datetime) -> None:
        if self._tidied == now.date():
            return
        self._tidied = now.date()
        given_up: list[int] = []
        self._hold(lambda outbox: given_up.append(outbox.forget(now - KEPT)))
        if any(given_up):
            self._tell(f"{given_up[-1]} 条消息超过 {KEPT.days} 天没有送达，已放弃")

    def step(self) -> float:
        """Take what was told, settle what was sent, send what is due; the seconds until the next look."""
        self._listen()
        self._take(0.0)
        now, now_s = self._now(), self._steady()
        self._give_up_old(now)
        for lane in self._lanes:
            news = lane.settle(now_s)
            if news.delivered:
                self._hold(lambda outbox, rows=news.delivered: outbox.delivered(rows, now))  # type: ignore[misc]
            if news.text:
                self._tell(news.text)
            if news.lost:
                self._tell_others(lane, news.text)
        rests = [self._send(lane, now, now_s) for lane in self._lanes]
        return min([IDLE_S if self.heartbeat is None else LOOK_EVERY_S, *rests])

    def _listen(self) -> None:
        words = self.heartbeat.look() if self.heartbeat is not None else None
        if words is not None:
            self._tell(words)
            self._queue.put(Note(self._now(), ALARMS, "heartbeat", words, words))

    def _send(self, lane: Lane, now: datetime, now_s: float) -> float:
        if lane.busy:
            return lane.rest_s(now_s)
        hurry = self._closing_s is not None and not lane.failing
        if not hurry and not lane.may_send(now_s):
            return lane.rest_s(now_s)
        due = self._due(lane, now)
        if due:
            lane.send(due, now, now_s)
            return lane.rest_s(now_s)
        return IDLE_S

    def _due(self, lane: Lane, now: datetime) -> list[Waiting]:
        outbox = self._outbox
        if outbox is None:
            return []
        try:
            return lane.due(outbox.waiting(lane.label), outbox.told(lane.label), now)
        except sqlite3.Error as error:
            self._without_file(error)
            return []

    def _quiet(self) -> bool:
        """Whether nothing more can be done before the end."""
        now = self._now()
        if not self._queue.empty():
            return False
        return all(not lane.busy and (lane.failing or not self._due(lane, now)) for lane in self._lanes)

    def _take(self, rest_s: float) -> None:
        """Move what was told into the outbox; waits up to `rest_s` seconds for the first of it."""
        found: list[Note] = []
        try:
            entry = self._queue.get(timeout=rest_s) if rest_s > 0 else self._queue.get_nowait()
            while True:
                note = entry if isinstance(entry, Note) or entry is None else note_of(entry, self.words_of_day)
                if note is not None:
                    topic, key, text = self._mask(note.topic), self._mask(note.key), self._mask(note.text)
                    found.append(note._replace(topic=topic, key=key, text=text))
                entry = self._queue.get_nowait()
        except Empty:
            pass
        if self._lost_events:
            words = f"消息过多，有 {self._lost_events} 条没有进入待发队列，见日志"
            self._lost_events = 0
            found.append(Note(self._now(), ALARMS, words, words, words))
        if found:
            self._keep(self._labels, found)

    def _keep(self, labels: Sequence[str], notes: Sequence[Note]) -> None:
        self._hold(lambda outbox: outbox.add(labels, notes))
        now_s = self._steady()
        for lane in self._lanes:
            lane.gather(now_s)

    def _tell_others(self, lost: Lane, text: str) -> None:
        others = [lane.label for lane in self._lanes if lane is not lost]
        if others:
            self._keep(others, [Note(self._now(), ALARMS, lost.label, text, text)])

    def _hold(self, work: Callable[[Outbox], None]) -> None:
        """Do something with the outbox; once more in memory where its file fails."""
        try:
            if self._outbox is not None:
                work(self._outbox)
        except sqlite3.Error as error:
            self._without_file(error)
            if self._outbox is not None:
                work(self._outbox)

    def _without_file(self, error: sqlite3.Error) -> None:
        self._outbox = Outbox(None)
        self._tell(f"待发消息文件 {self._path} 不可用（{error}），改存内存：进程结束时没有送达的会丢失")

    def _tell(self, text: str) -> None:
        self.log.tell(StateNote(self._now(), text))
