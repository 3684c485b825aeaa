"""Lines that a Keras process writes, as they come."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Iterator


def lines(descriptor: int, deadline: float | None) -> Iterator[str]:
    """Yield the lines that come from a pipe or socket until its other end is closed.

    Args:
        descriptor: of the end to read.
        deadline: of the monotonic clock; None waits as long as it takes.

    Raises:
        TimeoutError: the deadline has passed.
    """
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                raise TimeoutError
            if not selector.select(remaining):
                continue
            try:
                chunk = os.read(descriptor, 65536)
            except ConnectionResetError:
                return
            if not chunk:
                return
            *complete, pending = (pending + chunk).split(b"\n")
            for line in complete:
                yield line.decode("utf-8", "replace")
