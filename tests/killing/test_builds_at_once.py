"""Builds over one store and one output at the same time: each is right, and no file is mixed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from subprocess import Popen

import pytest

from tests.killing.builds import STATES, WITH_KERAS, Place, place

pytestmark = pytest.mark.slow


def end(processes: list[Popen[str]]) -> None:
    for process in processes:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said


def whole(held: Place, state: str) -> dict[str, str]:
    return {name: digest for name, digest in held.whole[state].items() if name.startswith("out/")}


@pytest.mark.parametrize("number", [2, 8])
def test_builds_of_one_spec_all_succeed(models: Path, tmp_path: Path, number: int) -> None:
    held = place(tmp_path / "work", models)
    held.write(STATES[0])
    held.forget()
    end([held.start("build", "pair.yaml") for _ in range(number)])
    assert held.held() == held.whole[STATES[0]]
    assert held.hidden() == held.scratch() == []


@pytest.mark.parametrize("number", [2, 8])
def test_builds_of_two_specs_to_one_output_never_mix(
    models: Path, tmp_path: Path, number: int
) -> None:
    held = place(tmp_path / "work", models)
    for state in STATES:
        held.write(state)
        (held.folder / "pair.yaml").rename(held.folder / f"{state}.yaml")
    held.forget()
    processes = [held.start("build", f"{STATES[n % 2]}.yaml") for n in range(number)]
    seen: set[str] = set()
    file = held.folder / "out" / "pair.keras"
    while any(process.poll() is None for process in processes):
        seen.add(hashlib.sha256(file.read_bytes()).hexdigest())
    end(processes)
    assert seen <= {whole(held, state)["out/pair.keras"] for state in STATES}
    out = {name: digest for name, digest in held.held().items() if name.startswith("out/")}
    assert out in [whole(held, state) for state in STATES]
    assert held.hidden() == held.scratch() == []


def test_builds_beside_a_pruning_of_everything_all_succeed(models: Path, tmp_path: Path) -> None:
    held = place(tmp_path / "work", models)
    held.write(STATES[0])
    held.forget()
    builds = [held.start("build", "pair.yaml") for _ in range(4)]
    pruned = 0
    while any(process.poll() is None for process in builds):
        held.store.prune(everything=True)
        pruned += 1
    assert pruned > 5
    end(builds)
    assert held.held() == held.whole[STATES[0]]
    assert held.hidden() == held.scratch() == []


@pytest.mark.keras
def test_two_builds_that_ask_keras_for_the_same_both_succeed(models: Path, tmp_path: Path) -> None:
    held = place(tmp_path / "work", models, WITH_KERAS)
    held.write(STATES[0])
    held.forget()
    end([held.start("build", "pair.yaml") for _ in range(2)])
    assert held.held() == held.whole[STATES[0]]
    assert held.hidden() == held.scratch() == []
