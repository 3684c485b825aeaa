"""A display of what takes long: on stderr, on a terminal only, and only after a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from composer.cli import console
from composer.diagnostics.render.terminal_text import shown

if TYPE_CHECKING:
    from rich.status import Status
    from rich.text import Text

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds that pass before anything is shown: what is quick needs no display."""


@contextmanager
def display(first: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done while the block runs.

    Args:
        first: what is shown until the block says something itself.

    Yields:
        A function that takes a line to show instead of the one before.
    """
    place = console.terminal("stderr")
    if not place.is_terminal:
        yield lambda _line: None
        return
    spinner = _Spinner(place, first)
    timer = threading.Timer(PATIENCE, spinner.start)
    timer.daemon = True
    timer.start()
    try:
        yield spinner.say
    finally:
        timer.cancel()
        timer.join()
        spinner.stop()


def displayed(first: str, work: Callable[[Callable[[str], None]], Iterator[T]]) -> Iterator[T]:
    """Show what is being done while a value is waited for, and nothing while it is used.

    Args:
        first: what is shown until the work says something itself.
        work: takes a function for lines to show, and yields values.
    """
    shows: list[Callable[[str], None]] = []

    def show(line: str) -> None:
        shows[-1](line)

    values = work(show)
    while True:
        with display(first) as say:
            shows.append(say)
            try:
                value = next(values)
            except StopIteration:
                return
        yield value


class _Spinner:
    """A line of rich's that is started late and taken away at the end."""

    def __init__(self, place: console.Terminal, line: str) -> None:
        self._place = place
        self._line = shown(line)
        self._lock = threading.Lock()
        self._status: Status | None = None

    def start(self) -> None:
        with self._lock:
            rich = console.rich_console(self._place)
            self._status = rich.status(self._text())
            self._status.start()

    def say(self, line: str) -> None:
        with self._lock:
            self._line = shown(line)
            if self._status is not None:
                self._status.update(self._text())

    def _text(self) -> Text:
        # As a plain string rich would look for markup in it.
        from rich.text import Text

        return Text(self._line)

    def stop(self) -> None:
        with self._lock:
            if self._status is not None:
                self._status.stop()
