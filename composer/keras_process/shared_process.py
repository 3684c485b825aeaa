"""One Keras process for all tasks of a block of code: it starts with the first, and forks for each.

Where processes can't be forked safely, as on macOS, each task starts a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socket import socket
    from subprocess import Popen

_SERVER = "composer.keras_process.server"
_FORKS = sys.platform == "linux"
"""Apple's own libraries do not survive a fork, and file descriptors have no names there."""
_PATIENCE = 5.0
"""Seconds for a process that was told to end."""


class _Shared:
    """A Keras process that several processes may use, found by the folder of its socket.

    Args:
        folder: None makes one as soon as it is needed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._process: Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._stack = ExitStack()
        self.users = 0

    def folder(self) -> Path:
        if self._folder is None:
            from composer.files.unfinished import temporary_folder

            self._folder = self._stack.enter_context(temporary_folder()).resolve()
        return self._folder

    def connect(self) -> socket:
        """Return a connection to the process, which is started if need be.

        Raises:
            OSError: that can't be done.
        """
        import fcntl
        import socket

        with self._guard, ExitStack() as stack:
            folder = os.open(self.folder(), os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, folder)
            # One of several processes starts it; the lock is let go with the descriptor.
            fcntl.flock(folder, fcntl.LOCK_EX)
            # The path of a socket may be 107 bytes long, and a temporary folder's is as it is.
            address = f"/proc/self/fd/{folder}/socket"
            connection = socket.socket(socket.AF_UNIX)
            try:
                try:
                    connection.connect(address)
                except (FileNotFoundError, ConnectionRefusedError):
                    self._start(address)
                    connection.connect(address)
            except OSError:
                connection.close()
                raise
            return connection

    def _start(self, address: str) -> None:
        import socket
        import subprocess
        import tempfile

        from composer.keras_process.environment import hermetic_environment

        self._end_process()
        Path(address).unlink(missing_ok=True)
        own = Path(tempfile.mkdtemp(dir=self.folder()))
        environment = hermetic_environment(os.environ, own, share_downloads=False)
        with socket.socket(socket.AF_UNIX) as listener, (own / "stderr.txt").open("wb") as talk:
            listener.bind(address)
            listener.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _SERVER, str(listener.fileno()), str(self.folder())],
                stdin=subprocess.PIPE,  # its end tells the server that this process is gone
                stdout=subprocess.DEVNULL,
                stderr=talk,
                cwd=environment["TMPDIR"],
                env=environment,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def end(self) -> None:
        """End the process, if this one started it, and remove the folder."""
        with self._guard:
            self._end_process()
            self._stack.close()
            self._folder = None

    def _end_process(self) -> None:
        import subprocess

        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_current: _Shared | None = None
_guard = threading.Lock()


@contextmanager
def shared_keras() -> Iterator[None]:
    """Let one Keras process do all tasks of the block; a block in a block shares that of the outer.

    Nothing is started before it is needed.
    """
    global _current  # noqa: PLW0603 - a process has one
    if not _FORKS:
        yield
        return
    with _guard:
        mine = _current = _current or _Shared()
        mine.users += 1
    try:
        yield
    finally:
        with _guard:
            mine.users -= 1
            last = not mine.users
            if last:
                _current = None
        if last:
            mine.end()


def shared_folder() -> Path | None:
    """Return by what another process joins this one in its block, None outside of one."""
    return None if _current is None else _current.folder()


def join_shared(folder: Path | None) -> None:
    """Let this process, for as long as it lives, share the Keras process of another.

    Args:
        folder: what :func:`shared_folder` gave there.
    """
    global _current  # noqa: PLW0603 - a process has one
    if folder is not None:
        _current = _Shared(folder)
        _current.users = 1  # which never leaves


def ask_shared(
    folder: Path,
    environment: Mapping[str, str],
    deadline: float | None,
    progress: Callable[[str], None] | None,
) -> int | None:
    """Let the shared process do a task.

    Args:
        folder: with the request; the answer is written there.
        environment: for the task.
        deadline: of the monotonic clock.
        progress: called with lines of progress.

    Returns:
        The exit code; None where nothing is shared, or the shared process is gone or has another
        module path.

    Raises:
        TimeoutError: the deadline has passed.
    """
    if _current is None:
        return None
    from composer.keras_process.progress_lines import lines

    message = json.dumps({"folder": str(folder), "environment": dict(environment)})
    try:
        connection = _current.connect()
    except OSError:
        return None
    with connection:
        with suppress(OSError):  # then there is nothing to read either
            connection.sendall(message.encode() + b"\n")
        begun, code = False, None
        try:
            for line in lines(connection.fileno(), deadline):
                if line == "\0":
                    begun = True
                elif line.startswith("\0"):
                    code = int(line[1:])
                elif progress is not None:
                    progress(line)
        finally:
            if begun and code is None:
                _give_up(connection)
    return code


def _give_up(connection: socket) -> None:
    """Have the task stopped, and wait until it is."""
    from composer.keras_process.progress_lines import lines

    with suppress(OSError):  # among them TimeoutError
        connection.sendall(b"give up")
        for _ in lines(connection.fileno(), time.monotonic() + _PATIENCE):
            pass
