"""``compose`` as a function, for fixtures that say where it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest


class Result(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Compose = Callable[..., Result]


def in_this_process(capsys: pytest.CaptureFixture[str]) -> Compose:
    """Return ``compose`` run in this process.

    Args:
        capsys: takes what it writes.
    """
    from composer.cli.running import run

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call
