"""The sweep over the models of Keras's own tests; README.md in this folder says how to run it."""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.sweep.of_keras.ways import WAYS

_ROOT = Path(__file__).parents[3]
_SECONDS_A_REQUEST = 120.0
_SECONDS_A_FILE = 300.0
TESTS = (
    "activations",
    "layers",
    "models",
    "ops",
    "legacy/saving",
    "saving",
    "quantizers",
    "dtype_policies",
    "export",
    "trainers",
    "utils",
    "wrappers",
)
"""Folders of ``keras/src`` whose tests make models."""
SOUND = frozenset(
    {
        "equal",
        "refused",
        "does not apply",
        "source not loadable",
        "source not callable",
        "source not repeatable",
    }
)
"""States that are no fault: equal, told why not, or nothing to compare with."""


class Worker:
    """A process that answers requests; started again where it dies or takes too long."""

    def __init__(self, module: str, **environment: str) -> None:
        self._module = module
        self._environment = {
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **environment,
        }
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer; its state is ``died`` or ``hung`` where there was none."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=_ROOT,
                env=self._environment,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return self._ended("died")
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(_SECONDS_A_REQUEST):
                return self._ended("hung")
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else self._ended("died")
        return answer

    def _ended(self, state: str) -> dict[str, Any]:
        assert self._process is not None
        self._process.kill()
        code = self._process.wait()
        self._process = None
        return {"state": state, "code": state, "detail": f"exit code {code}"}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def harvest(folder: Path, tests: Sequence[str], *, deadline: float) -> None:
    """Run tests of the installed Keras and keep their models in ``folder``.

    Args:
        folder: gets the models and ``index.jsonl``.
        tests: files and folders below ``keras/src``.
        deadline: no further file of tests is begun after it (``time.monotonic``).
    """
    import importlib.util

    spec = importlib.util.find_spec("keras")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "src"
    files = [
        file
        for name in tests
        for file in (
            [source / name] if name.endswith(".py") else (source / name).rglob("*_test.py")
        )
    ]
    for file in dict.fromkeys(sorted(files)):
        if time.monotonic() > deadline:
            return
        command = [sys.executable, "-W", "ignore", "-m", "pytest", str(file), "-q"]
        command += ["-p", "tests.sweep.of_keras.harvest", "-p", "no:cacheprovider"]
        command += ["-c", os.devnull, f"--rootdir={folder}"]
        environment = {**os.environ, "HARVEST_FOLDER": str(folder), "KERAS_BACKEND": "tensorflow"}
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(_ROOT)}
        quiet = subprocess.DEVNULL
        limit = min(_SECONDS_A_FILE, max(1.0, deadline - time.monotonic()))
        try:
            subprocess.run(
                command, cwd=folder, env=environment, stdout=quiet, stderr=quiet, timeout=limit
            )
        except subprocess.TimeoutExpired:
            continue  # what it made until then is kept


def sweep(
    folder: Path,
    models: Sequence[dict[str, str]],
    *,
    deadline: float,
    ways: Sequence[str] = tuple(WAYS),
    done: Collection[tuple[str, str]] = (),
) -> Iterator[dict[str, str]]:
    """Link each model in each way, compare in plain Keras, and yield what came of it.

    Args:
        folder: of the models.
        models: entries of its index.
        deadline: no further model is begun after it (``time.monotonic``).
        ways: to link each.
        done: files and ways that are passed over.

    Yields:
        ``file``, ``test``, ``way``, ``state`` and, where there is more to say, ``code`` and
        ``detail``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        link = Worker("tests.sweep.of_keras.link", COMPOSE_HOME=f"{scratch}/store")
        compare = Worker("tests.sweep.of_keras.compare")
        try:
            for model in models:
                if time.monotonic() > deadline:
                    return
                for way in ways:
                    if (model["file"], way) in done:
                        continue
                    source = str(folder / model["file"])
                    outcome = link.ask(source=source, way=way, folder=scratch)
                    if outcome["state"] == "built":
                        outcome = compare.ask(source=source, **outcome)
                    told = {key: outcome[key] for key in ("code", "detail") if outcome.get(key)}
                    yield {**model, "way": way, "state": outcome["state"], **told}
        finally:
            link.close()
            compare.close()


def table(outcomes: Sequence[dict[str, str]]) -> str:
    """Return a row a way: how often each state, refusals by code."""
    rows: dict[str, Counter[str]] = {way: Counter() for way in WAYS}
    for outcome in outcomes:
        state = outcome["state"]
        shown = f"refused {outcome['code']}" if state == "refused" else state
        rows[outcome["way"]][shown] += 1
    lines = [f"{len({o['file'] for o in outcomes})} models, {len(outcomes)} ways tried"]
    lines += [
        f"{way:13} " + ", ".join(f"{count} {state}" for state, count in row.most_common())
        for way, row in rows.items()
    ]
    return "\n".join(lines)


def index(folder: Path) -> list[dict[str, str]]:
    """Return the entries of a harvest."""
    return [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Harvest, link, compare; returns 1 where something is at fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep.of_keras.run")
    parser.add_argument("folder", type=Path, help="for models and results; a harvest there is used")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="below keras/src")
    parser.add_argument("--models", type=int, help="at most so many, spread over the harvest")
    parser.add_argument("--ways", nargs="*", default=tuple(WAYS), choices=tuple(WAYS))
    parser.add_argument("--minutes", type=float, default=120, help="for each of the two halves")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    if not (given.folder / "index.jsonl").exists():
        harvest(given.folder, given.tests, deadline=time.monotonic() + 60 * given.minutes)
    models = index(given.folder)
    if given.models is not None:
        models = models[:: max(1, len(models) // given.models)][: given.models]
    results = given.folder / "results.jsonl"
    outcomes = (
        [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    )
    done = {(outcome["file"], outcome["way"]) for outcome in outcomes}
    with results.open("a") as stream:
        deadline = time.monotonic() + 60 * given.minutes
        for outcome in sweep(given.folder, models, deadline=deadline, ways=given.ways, done=done):
            outcomes.append(outcome)
            stream.write(json.dumps(outcome) + "\n")
            stream.flush()
    print(table(outcomes))
    faults = [outcome for outcome in outcomes if outcome["state"] not in SOUND]
    for fault in faults:
        print(json.dumps(fault))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
