"""The process that imports Keras once and does each task in a fork of itself.

Started by ``shared.py`` as ``python -m composer.keras_process.server LISTENER FOLDER``. A client
connects and sends a line of JSON: the ``folder`` that holds ``request.json`` and gets the answer,
and the ``environment`` for the task. It receives a NUL on a line when a fork has begun with it,
lines of progress, and at last a NUL with the exit code, as ``subprocess`` counts it. Whatever else
it sends means that it gives up.

A fork begins as a fresh process does: Keras is imported, and nothing has been computed. So no task
can see another's classes, settings, counters, current folder or memory, or take it along in a
crash. Importing Keras and TensorFlow starts no thread of theirs, which forking would lose.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from composer.keras_process import worker

_LONGEST = 65536


@dataclass(slots=True)
class _Task:
    """A client, and the fork that works for it.

    Attributes:
        process_id: 0 until the client has said what to do.
        gone: whether the client has ended.
    """

    connection: socket.socket
    said: bytes = b""
    process_id: int = 0
    gone: bool = False

    @property
    def message(self) -> Any:
        return json.loads(self.said)

    @property
    def folder(self) -> Path:
        return Path(self.message["folder"])


class _Server:
    """Accepts clients until the process that started this one ends or closes its pipe."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._tasks: list[_Task] = []
        self._selector = selectors.DefaultSelector()
        # Nothing is ever written to it: its end tells a fork that this process is gone.
        self._lifeline, self._lifeline_end = os.pipe()
        self._wake, wake_end = socket.socketpair()
        self._wake.settimeout(0)
        wake_end.settimeout(0)
        self._wake_end = wake_end
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_end.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        self._selector.register(0, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    self._end_all()
                    return
                if key.fileobj is self._wake:
                    self._wake.recv(_LONGEST)
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    self._listen_to(key.data)
            self._reap()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        task = _Task(connection)
        self._tasks.append(task)
        self._selector.register(connection, selectors.EVENT_READ, task)

    def _listen_to(self, task: _Task) -> None:
        try:
            received = task.connection.recv(_LONGEST)
        except OSError:
            received = b""
        if task.process_id:
            _kill(task.process_id)
        elif received:
            task.said += received
            if received.endswith(b"\n"):
                self._begin(task)
        if not received:
            task.gone = True
            self._selector.unregister(task.connection)
            if not task.process_id:
                self._forget(task)

    def _begin(self, task: _Task) -> None:
        if task.message["environment"]["PYTHONPATH"] != os.environ["PYTHONPATH"]:
            task.connection.shutdown(socket.SHUT_RDWR)  # it may want another Keras
            return
        try:
            task.process_id = os.fork()
        except OSError:  # no more processes or memory
            task.connection.shutdown(socket.SHUT_RDWR)
            return
        if not task.process_id:
            self._work(task)
        _say(task, b"\0\n")

    def _work(self, task: _Task) -> NoReturn:
        """Do a task and end, in the fork."""
        code = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            os.close(self._lifeline_end)
            for other in (self._listener, self._wake, self._wake_end):
                other.close()
            for known in self._tasks:
                if known is not task:
                    known.connection.close()
            os.dup2(self._lifeline, 0)
            os.close(self._lifeline)
            code = _done(task)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for task in list(self._tasks):
            if not task.process_id:
                continue
            found, status = os.waitpid(task.process_id, os.WNOHANG)
            if not found:
                continue
            if task.gone:
                worker.remove_folder(task.folder)
            else:
                self._selector.unregister(task.connection)
            _say(task, b"\0%d\n" % os.waitstatus_to_exitcode(status))
            self._forget(task)

    def _forget(self, task: _Task) -> None:
        self._tasks.remove(task)
        task.connection.close()

    def _end_all(self) -> None:
        for task in self._tasks:
            if task.process_id:
                _kill(task.process_id)
                os.waitpid(task.process_id, 0)
                worker.remove_folder(task.folder)


def _done(task: _Task) -> int:
    """Do a task as a process of its own does, and return the exit code."""
    folder = task.folder
    talk = os.open(folder / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(talk, 1)
    os.dup2(talk, 2)
    worker.end_with_parent(None)
    environment: dict[str, str] = task.message["environment"]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(environment["TMPDIR"])
    tempfile.tempdir = None
    config = sys.modules.get("keras.src.backend.config")
    if config is not None:
        # Where Keras downloads to. It asks for KERAS_HOME only once.
        config._KERAS_DIR = environment["KERAS_HOME"]  # type: ignore[attr-defined]
    connection = task.connection.fileno()

    def report(line: str) -> None:
        os.write(connection, (" ".join(line.split()) + "\n").encode())

    return worker.perform(folder / "request.json", folder / "answer.json", report)


def _kill(process_id: int) -> None:
    """Stop a fork and all it started."""
    for kill in (os.killpg, os.kill):  # it may not lead a group of its own yet
        with suppress(OSError):
            kill(process_id, signal.SIGKILL)


def _say(task: _Task, line: bytes) -> None:
    with suppress(OSError):
        task.connection.sendall(line)


@contextmanager
def _ended_with_parent(folder: Path) -> Iterator[None]:
    """End this process while the block runs, if the one that started it ends."""
    stop, stop_end = os.pipe()

    def watch() -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(stop, selectors.EVENT_READ)
            if all(key.fd == 0 for key, _ in selector.select()):
                worker.remove_folder(folder)
                os._exit(1)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(stop_end)
        thread.join()
        os.close(stop)


def main(arguments: list[str]) -> int:
    """Serve on an inherited socket until stdin ends."""
    listener, folder = int(arguments[0]), Path(arguments[1])
    with _ended_with_parent(folder), suppress(Exception):
        # Where this fails, each fork tries again, and tells why.
        importlib.import_module(worker.START)
    gc.freeze()  # forks share what is there by now
    _Server(socket.socket(fileno=listener)).serve()
    worker.remove_folder(folder)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    os._exit(code)
