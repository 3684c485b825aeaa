"""A build that is killed leaves what was there, and the next one is right and cleans up."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from composer.files.unfinished import MARK
from tests.killing.builds import STATES, WITH_KERAS, Place, place

pytestmark = pytest.mark.slow


def check(held: Place, state: str) -> None:
    """Check what a kill left while ``state`` was built, and build it to the end."""
    other = STATES[1 - STATES.index(state)]
    old, new = held.whole[other], held.whole[state]
    found = held.held()
    # Each file is the old one or the new one, none is missing, none is in the way.
    assert found.keys() == old.keys()
    for name, digest in found.items():
        assert digest in (old[name], new[name]), name
    held.build()
    assert held.held() == new
    # One that was killed when all was done left its mark alone, and perhaps nothing to build.
    assert {path.suffix for path in held.hidden()} <= {MARK}
    for item in held.store.list_objects():
        assert held.store.object_path(item.digest, verify=True) is not None
    # A build that needs the store for nothing new leaves it to a later one, or to pruning; small
    # files that the store was writing are told by their age.
    held.store.prune(now=datetime.now(UTC) + timedelta(hours=2))
    assert held.scratch() == []
    assert list(held.store.root.rglob("*.tmp")) == []


def test_a_build_killed_at_any_moment(models: Path, tmp_path: Path, kills: int) -> None:
    held = place(tmp_path / "work", models)
    held.write(STATES[0])
    held.forget()
    started = time.monotonic()
    steps = int(held.build(kill_before=0).split()[-1])
    whole = time.monotonic() - started
    assert steps > 40
    by_step = min(steps, max(kills // 2, 1))
    by_time = kills - by_step
    killed = 0
    for number in range(kills):
        state = STATES[(number + 1) % 2]
        held.write(state)
        held.forget()
        if number < by_step:
            before = 1 + number * steps // by_step
            process = held.start("build", held.path, kill_before=before)
        else:
            process = held.start("build", "pair.yaml")
            # Nothing happens to files while Python starts.
            time.sleep(whole * (0.2 + 0.8 * (number - by_step) / by_time))
            process.kill()
        process.communicate(timeout=300)
        killed += process.returncode == -signal.SIGKILL
        check(held, state)
    # Those that are killed by time may have been done before, on a machine that is busy.
    assert killed > kills / 3
    held.write(STATES[(kills + 1) % 2])
    held.build()
    assert held.hidden() == []


def test_a_build_killed_beside_what_is_said_of_it(models: Path, tmp_path: Path, kills: int) -> None:
    held = place(tmp_path / "work", models, options=("--provenance", "--sbom"))
    assert len(held.whole[STATES[0]]) == 5
    held.write(STATES[0])
    held.forget()
    steps = int(held.build(kill_before=0).split()[-1])
    number, killed = max(kills // 3, 1), 0
    for step in range(number):
        state = STATES[(step + 1) % 2]
        held.write(state)
        held.forget()
        # The last quarter, in which the files are written and take their places.
        before = steps - step * steps // (4 * number)
        process = held.start("build", held.path, kill_before=before)
        process.communicate(timeout=300)
        killed += process.returncode == -signal.SIGKILL
        check(held, state)
    assert killed > 0.7 * number


@pytest.mark.keras
def test_a_build_killed_while_keras_works_for_it(models: Path, tmp_path: Path, kills: int) -> None:
    held = place(tmp_path / "work", models, WITH_KERAS)
    held.write(STATES[0])
    held.forget()
    started = time.monotonic()
    held.build()
    whole = time.monotonic() - started
    number = max(kills // 10, 1)
    killed = 0
    for step in range(number):
        state = STATES[(step + 1) % 2]
        held.write(state)
        held.forget()
        process = held.start("build", "pair.yaml")
        time.sleep(whole * (step + 1) / (number + 1))
        process.kill()
        process.communicate(timeout=300)
        killed += process.returncode == -signal.SIGKILL
        check(held, state)
        assert list((held.folder / "tmp").iterdir()) == []
    assert killed
