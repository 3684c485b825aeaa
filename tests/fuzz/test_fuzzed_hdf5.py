"""Changed weights in a sound archive: nothing crashes, and what is taken is what h5py reads.

Each mutant is tried in a process that may die of it: see ``tests/fuzz/isolation.py``.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fuzz.hdf5_mutants import mutant
from tests.fuzz.hdf5_originals import originals
from tests.fuzz.isolation import Found, tried

WORKER = "tests.fuzz.hdf5_worker"
FAST, SLOW = 250, 2000
"""Mutants of the two parts; with ``--fuzz N`` the first one tries N."""
SILENT = 100
"""What ``--fuzz`` is where nobody asks for more."""


def sound(found: Found, count: int) -> None:
    assert not found.deaths
    assert not found.wrong
    assert found.tried == count
    # All refused, or all taken, would be no test.
    assert found.ends["built"] > count // 20
    assert found.ends["refused"] > count // 20


def test_changed_weights_are_built_as_h5py_reads_them_or_refused(
    request: pytest.FixtureRequest,
) -> None:
    asked = request.config.getoption("fuzz", SILENT)
    count = FAST if asked == SILENT else asked
    sound(tried(WORKER, 0, count), count)


@pytest.mark.slow
def test_more_changed_weights_are_built_as_h5py_reads_them_or_refused() -> None:
    sound(tried(WORKER, 10**6, SLOW), SLOW)


def test_the_same_number_is_the_same_mutant_and_every_original_is_read() -> None:
    assert mutant(7) == mutant(7)
    names = [name for name, _ in originals()]
    assert len({*names}) == len(names)
    assert any("all filters" in name for name in names)


DYING = """
import os, signal, sys
first, count = map(int, sys.argv[2:4])
for number in range(first, first + count):
    print("try", number, "original", flush=True)
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 5:
        print("wrong", number, "other numbers", flush=True)
        continue
    if number == 6:
        sys.exit(1)
    print("end", number, "refused", flush=True)
"""


def test_a_mutant_that_ends_its_process_is_named_and_the_others_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dying.py").write_text(DYING)
    monkeypatch.setattr("tests.fuzz.isolation.ROOT", tmp_path)
    found = tried("dying", 1, 9)
    assert found.tried == 9
    assert found.ends == {"refused": 6}
    assert [line.split(":")[0] for line in found.deaths] == [
        "mutant 3 (original)",
        "mutant 6 (original)",
    ]
    assert signal.SIGSEGV.name in found.deaths[0]
    assert [line.split(":")[0] for line in found.wrong] == ["mutant 5 (original)"]
