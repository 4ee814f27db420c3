"""Where an engine listens, and how its own user finds the way: `control.json` in the runtime directory.

A Unix socket that only the user may open; on Windows, where Python has none, a port of the loopback interface. Either
way a request needs the token from the file, which only the user may read, and which is new with every run.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

import msgspec

from bullet_trade.store.files import write_atomically

CONTROL_FILE = "control.json"
SOCKET_FILE = "control.sock"
LONGEST_PATH = 100
"""Bytes of a Unix socket's path that every system takes (macOS: 104, Linux: 108)."""

LOOPBACK = "127.0.0.1"


class Endpoint(msgspec.Struct, frozen=True):
    """How to reach an engine: by the Unix socket `path`, or by `port` of the loopback interface where that is ''."""

    pid: int
    token: str
    path: str = ""
    port: int = 0


class Place:
    """The socket's place in a runtime directory. The caller holds the directory's lock."""

    def __init__(self, directory: Path, unix: bool = os.name == "posix") -> None:
        self.unix = unix
        self._file = directory / CONTROL_FILE
        self._private: Path | None = None
        self.path = directory / SOCKET_FILE
        if unix and len(os.fsencode(self.path)) > LONGEST_PATH:
            self._private = Path(tempfile.mkdtemp(prefix="bullet-trade-"))  # only the user may enter it
            self.path = self._private / SOCKET_FILE
        self.path.unlink(missing_ok=True)  # left behind by an engine that was killed

    def publish(self, port: int) -> str:
        """Write the way down and return the token. Raises `OSError`."""
        token = secrets.token_hex(32)
        where = Endpoint(os.getpid(), token, str(self.path) if self.unix else "", port)
        write_atomically(self._file, msgspec.json.encode(where), durable=False)
        return token

    def withdraw(self) -> None:
        """Remove what `publish` and the socket left."""
        self._file.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)


def find(directory: Path) -> Endpoint | None:
    """The way that the directory names, None when it names none that can be read."""
    try:
        return msgspec.json.decode((directory / CONTROL_FILE).read_bytes(), type=Endpoint)
    except (OSError, msgspec.DecodeError):
        return None
