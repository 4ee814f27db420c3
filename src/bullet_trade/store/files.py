"""Writing a file so that a reader, or a restart, sees either the old content or the new one, never a part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes, durable: bool = True) -> None:
    """Replace `path` with `content`; `durable` survives a power failure too. Raises `OSError`, leaving the old file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a power failure; Windows writes directory entries through by itself."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Disk:
    """The file operations of which a save consists; `durable` survives a power failure too. All raise `OSError`."""

    def __init__(self, durable: bool = True) -> None:
        self._durable = durable

    def write(self, path: Path, content: bytes) -> None:
        """Replace the file's content."""
        write_atomically(path, content, self._durable)

    def replace(self, source: Path, target: Path) -> None:
        """Move a file over another one."""
        os.replace(source, target)

    def settle(self, directory: Path) -> None:
        """Make the moves into `directory` last."""
        if self._durable:
            sync_directory(directory)
