"""Measures composer against what a user would do instead, as ratios of whole processes.

    python benchmarks/run.py [--runs 5]

Every command is run in turn, round by round, so that a machine that slows down slows them all;
the medians and the ratios of each round are what counts. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"}

MAKE_MODELS = """
import sys, keras
for path, seed in zip(sys.argv[1:], (1, 2)):
    keras.utils.set_random_seed(seed)
    keras.applications.ResNet50(weights=None).save(path)
"""

SPEC = """\
version: 1
name: two
sources:
  left: {from: left.keras, prefix: left_}
  right: {from: right.keras, prefix: right_}
outputs: [left, right]
output: {path: two.keras}
"""

LIBRARIES = "import click, h5py, jsonschema, numpy, omegaconf, yaml"


@dataclass
class Measured:
    """Whole-process figures of one command, a value a run."""

    seconds: list[float]
    megabytes: list[float]


def run_once(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return wall seconds and peak memory (MB, of the largest process) of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    talk = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{talk.decode()}")
    return seconds, usage.ru_maxrss / 1024


def measure(
    commands: dict[str, list[str]], folder: Path, runs: int, environment: dict[str, str]
) -> dict[str, Measured]:
    """Run all commands ``runs`` times in turn, after one round that does not count."""
    results = {name: Measured([], []) for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            seconds, megabytes = run_once(command, folder, environment)
            if number:
                results[name].seconds.append(seconds)
                results[name].megabytes.append(megabytes)
    return results


def show(title: str, results: dict[str, Measured], reference: str) -> None:
    """Print medians, and the median of the ratios to ``reference`` round by round."""
    base = results[reference]
    print(f"\n{title} (times and memory as multiples of: {reference})")
    print(f"  {'command':34} {'seconds':>9} {'ratio':>7} {'MB':>8} {'ratio':>7}")
    for name, found in results.items():
        time_ratio = statistics.median(
            a / b for a, b in zip(found.seconds, base.seconds, strict=True)
        )
        memory_ratio = statistics.median(
            a / b for a, b in zip(found.megabytes, base.megabytes, strict=True)
        )
        print(
            f"  {name:34} {statistics.median(found.seconds):9.2f} {time_ratio:7.2f}"
            f" {statistics.median(found.megabytes):8.0f} {memory_ratio:7.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    environment = {**os.environ, **QUIET}
    compose = shutil.which("compose", path=str(Path(sys.executable).parent)) or "compose"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment["COMPOSE_HOME"] = str(folder / "store")
        (folder / "two.yaml").write_text(SPEC)
        left, right = str(folder / "left.keras"), str(folder / "right.keras")
        run_once([sys.executable, "-c", MAKE_MODELS, left, right], folder, environment)
        size = sum(Path(path).stat().st_size for path in (left, right)) / 1e6
        results = measure(
            {
                "compose build": [compose, "build", "--force", "two.yaml"],
                "by hand: load, rename, join, save": [
                    sys.executable, str(HERE / "by_hand.py"), left, right, "by_hand.keras",
                ],
                "cp of the same bytes": ["sh", "-c", "cat left.keras right.keras > copied"],
            },
            folder,
            runs,
            environment,
        )  # fmt: skip
        show(f"Joining two ResNet50 files, {size:.0f} MB", results, "compose build")
        results = measure(
            {
                "compose validate": [compose, "validate", "two.yaml"],
                "importing its libraries": [sys.executable, "-c", LIBRARIES],
            },
            folder,
            runs,
            environment,
        )
        show("Validating a spec of two ResNet50 files", results, "importing its libraries")


if __name__ == "__main__":
    main()
