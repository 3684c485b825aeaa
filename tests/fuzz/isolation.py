"""Runs a worker in a process of its own and starts it again behind each input that ended it.

python -m tests.fuzz.isolation [COUNT] [FIRST]
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SILENCE = 60
"""Seconds in which a worker has to be done with one input."""
MOST = 20
"""Deaths after which a run is given up: they cost a start of Python each."""


@dataclass(slots=True)
class Found:
    """What became of the inputs.

    Attributes:
        ends: how many there are of each end, such as ``built`` and ``refused``.
        wrong: a line for each input that was not dealt with as it has to be.
        deaths: a line for each input that ended its process, or never came to an end.
    """

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many inputs there were."""
        return self.ends.total() + len(self.wrong) + len(self.deaths)


def tried(module: str, first: int, count: int) -> Found:
    """Let a worker module try the inputs from number ``first`` on.

    Args:
        module: takes a folder, a first number and a count, and prints ``try N NAME`` before each
            input, and after it ``end N WORD`` or ``wrong N WHY``.
        first: number of the first input.
        count: of inputs.
    """
    found = Found()
    position, last = first, first + count
    while position < last and len(found.deaths) < MOST:
        position = _run(module, position, last - position, found)
    return found


def _run(module: str, first: int, count: int, found: Found) -> int:
    """Run one process until it ends; return the number to go on with."""
    number, name = first, ""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        worker = subprocess.Popen(
            [sys.executable, "-m", module, folder, str(first), str(count)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert worker.stdout is not None
        lines = _Lines(worker.stdout.fileno())
        done = first
        try:
            while (line := lines.next(SILENCE)) is not None:
                word, number_, rest = (*line.split(" ", 2), "")[:3]
                number = int(number_)
                if word == "try":
                    name = rest
                    continue
                done = number + 1
                if word == "wrong":
                    found.wrong.append(f"mutant {number} ({name}): {rest}")
                else:
                    found.ends[rest if rest in ("built", "refused") else "refused"] += 1
        finally:
            if worker.poll() is None:
                silent = not lines.ended
                if silent:
                    worker.kill()
            _, talk = worker.communicate()
        code = worker.returncode
        if code == 0 and done >= first + count:
            return done
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        said = talk.decode(errors="replace").strip().splitlines()[-3:]
        found.deaths.append(f"mutant {number} ({name}): {how} {' / '.join(said)}".strip())
        print(found.deaths[-1], file=sys.stderr, flush=True)
        return number + 1


class _Lines:
    """Lines of a pipe, each of which has to come within a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.ended = False

    def next(self, seconds: float) -> str | None:
        """Return the next line; None at the end, or where none came in time."""
        while b"\n" not in self._rest:
            if not select.select([self._descriptor], [], [], seconds)[0]:
                return None
            piece = os.read(self._descriptor, 1 << 16)
            if not piece:
                self.ended = True
                return None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace")


def main() -> int:
    """Try as many mutants as the command line says, and say what became of them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    found = tried("tests.fuzz.hdf5_worker", first, count)
    print(dict(found.ends), f"{found.tried} tried")
    for line in (*found.wrong, *found.deaths):
        print(line)
    return bool(found.wrong or found.deaths)


if __name__ == "__main__":
    sys.exit(main())
