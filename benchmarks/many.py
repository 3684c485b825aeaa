"""Measures building several specs with new layers: by one command, and by one command each.

    python benchmarks/many.py [--specs 4] [--runs 3]

Keras is needed for each new layer. One command imports it once; one command each imports it as
often as there are specs. Times are ratios to the one command, round by round, each round with a
store of its own. The results have to be the same bytes.
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
from pathlib import Path

SPEC = """\
version: 1
name: part{number}
inputs: {{features: {{shape: [32]}}}}
layers:
  hidden: {{class: Dense, args: {{units: {units}, activation: relu}}, inputs: features}}
  scores: {{class: Dense, args: {{units: 3}}, inputs: hidden}}
outputs: {{scores: scores}}
output: {{path: build/part{number}.keras}}
"""


def seconds(commands: list[list[str]], folder: Path, store: Path) -> tuple[float, list[bytes]]:
    """Run commands one after the other with an empty store; return the time and the results."""
    shutil.rmtree(folder / "build", ignore_errors=True)
    environment = {**os.environ, "COMPOSE_HOME": str(store)}
    started = time.perf_counter()
    for command in commands:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    took = time.perf_counter() - started
    shutil.rmtree(store)
    return took, [path.read_bytes() for path in sorted((folder / "build").iterdir())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    compose = shutil.which("compose", path=str(Path(sys.executable).parent)) or "compose"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        specs = [f"part{number}.yaml" for number in range(options.specs)]
        for number, spec in enumerate(specs):
            (folder / spec).write_text(SPEC.format(number=number, units=number + 8))
        ways = {
            "one command": [[compose, "build", *specs]],
            "one command, -j 2": [[compose, "build", "-j", "2", *specs]],
            "one command each": [[compose, "build", spec] for spec in specs],
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.runs):
            made = []
            for name, commands in ways.items():
                took, results = seconds(commands, folder, folder / "store")
                times[name].append(took)
                made.append(results)
            assert all(results == made[0] for results in made)
    base = times["one command"]
    print(f"{options.specs} specs with new layers")
    for name, found in times.items():
        ratio = statistics.median(a / b for a, b in zip(found, base, strict=True))
        print(f"  {name:20} {statistics.median(found):7.1f} s {ratio:6.2f}")


if __name__ == "__main__":
    main()
