"""The control socket's thread: takes one request per connection, answers it, and waits for nobody.

Everything runs in one event loop on one thread. Whoever connects has `DEADLINE_S` to send a request and as long to
take the reply; the others are served meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from secrets import compare_digest
from threading import Thread

import msgspec

from bullet_trade.ops.control.endpoint import LOOPBACK, Place
from bullet_trade.ops.control.messages import COMMANDS, REQUEST_BYTES, VERSION, Reply, Request

DEADLINE_S = 5.0
LEAVING_S = 0.5
"""For replies that are on their way when the engine ends."""

MOST_CLIENTS = 32

Handle = Callable[[Request], Awaitable[Reply]]


class ControlServer:
    """Serves one runtime directory from `start` to `close`."""

    def __init__(self, place: Place, handle: Handle, deadline_s: float = DEADLINE_S) -> None:
        """`handle` is called on the server's thread and must not block it."""
        self._place = place
        self._handle = handle
        self._deadline_s = deadline_s
        self._token = ""
        self._clients = 0
        self._loop = asyncio.new_event_loop()
        self._end: asyncio.Event | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Listen. Raises `OSError` when that is not possible."""
        ready: Future[None] = Future()
        self._thread = Thread(target=self._run, args=(ready,), name="control", daemon=True)
        self._thread.start()
        try:
            ready.result()
        except OSError:
            self._thread.join()
            self._thread = None
            raise

    def close(self) -> None:
        """Stop listening and remove the socket. Replies that are on their way are still sent."""
        end = self._end
        if self._thread is not None and end is not None:
            self._loop.call_soon_threadsafe(end.set)
            self._thread.join()
        self._place.withdraw()

    # -- on the server's thread ------------------------------------------------------------------------------------

    def _run(self, ready: Future[None]) -> None:
        try:
            self._loop.run_until_complete(self._serve(ready))
        finally:
            self._loop.close()

    async def _serve(self, ready: Future[None]) -> None:
        self._end = asyncio.Event()
        try:
            server = await self._listen()
        except OSError as error:
            ready.set_exception(error)
            return
        ready.set_result(None)
        await self._end.wait()
        await asyncio.sleep(0)  # a connection that was just accepted has to find the server open
        server.close()  # and not `wait_closed`, which waits for whoever is silent
        if others := _others():
            await asyncio.wait(others, timeout=LEAVING_S)
        while others := _others():  # those who are silent, and whoever came just now
            await asyncio.sleep(0)  # a task that is cancelled before it began closes nothing
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # connections are closed in the loop's next round

    async def _listen(self) -> asyncio.AbstractServer:
        if self._place.unix:
            server = await asyncio.start_unix_server(self._meet, path=self._place.path, limit=REQUEST_BYTES)
        else:
            server = await asyncio.start_server(self._meet, LOOPBACK, 0, limit=REQUEST_BYTES)
        try:
            if self._place.unix:
                self._place.path.chmod(0o600)
            self._token = self._place.publish(0 if self._place.unix else server.sockets[0].getsockname()[1])
        except OSError:
            server.close()
            raise
        return server

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= MOST_CLIENTS:
                line = await asyncio.wait_for(reader.readline(), self._deadline_s)
                reply = await self._reply(line)
                writer.write(msgspec.json.encode(reply) + b"\n")
                await asyncio.wait_for(writer.drain(), self._deadline_s)
        except (OSError, TimeoutError, ValueError, asyncio.CancelledError):
            pass  # the client is gone, is silent, or sends without end, or the engine is leaving: nothing more is owed
        finally:
            self._clients -= 1
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _reply(self, line: bytes) -> Reply:
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.DecodeError as error:
            return Reply(False, "bad_request", f"请求无法识别：{error}")
        if not compare_digest(request.token, self._token):
            return Reply(False, "denied", "口令不符：control.json 不属于正在运行的引擎")
        if request.version != VERSION or request.command not in COMMANDS:
            return Reply(False, "bad_request", f"这个引擎不认识命令 {request.command}（版本 {request.version}）")
        return await self._handle(request)


def _others() -> set[asyncio.Task[object]]:
    """What else runs in this loop."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
