"""Pruning: what goes, what stays, and that nothing is left that leads nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest

from composer.store import Store

NOW = datetime(2030, 1, 10, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, content: bytes, *, age: timedelta) -> str:
    path = store.root.parent / "finished.keras"
    path.write_bytes(content)
    digest = store.add(path)
    set_age(store, digest, age)
    return digest


def set_age(store: Store, digest: str, age: timedelta) -> None:
    moment = (NOW - age).timestamp()
    os.utime(store.root / "objects" / digest[:2] / f"{digest[2:]}.json", (moment, moment))


def held(store: Store) -> set[str]:
    return {item.digest for item in store.list_objects()}


def test_objects_older_than_the_limit_go(store: Store) -> None:
    old = put(store, b"old", age=timedelta(days=40))
    young = put(store, b"young", age=timedelta(days=2))
    pruned = store.prune(max_age=timedelta(days=30), now=NOW)
    assert pruned.removed == (old,)
    assert (pruned.freed, pruned.kept) == (3, 5)
    assert held(store) == {young}


def test_the_least_recently_used_go_until_the_rest_fits(store: Store) -> None:
    days = [put(store, bytes([n]) * 10, age=timedelta(days=9 - n)) for n in range(5)]
    pruned = store.prune(max_bytes=25, now=NOW)
    assert pruned.removed == tuple(days[:3])
    assert held(store) == set(days[3:])


def test_asking_for_an_object_keeps_it(store: Store) -> None:
    digest = put(store, b"old", age=timedelta(days=40))
    assert store.object_path(digest) is not None
    assert store.prune(max_age=timedelta(days=1), now=datetime.now(UTC)).removed == ()
    assert held(store) == {digest}


def test_what_was_used_within_the_hour_stays_whatever_the_limits(store: Store) -> None:
    digest = put(store, b"in use", age=timedelta(minutes=59))
    assert store.prune(max_age=timedelta(0), max_bytes=0, now=NOW).removed == ()
    set_age(store, digest, timedelta(minutes=61))
    assert store.prune(max_age=timedelta(0), max_bytes=0, now=NOW).removed == (digest,)


def test_without_limits_no_sound_object_goes(store: Store) -> None:
    digest = put(store, b"ancient", age=timedelta(days=4000))
    assert store.prune(now=NOW).removed == ()
    assert held(store) == {digest}


def test_recipes_and_facts_go_with_the_object_they_lead_to(store: Store) -> None:
    old = put(store, b"old", age=timedelta(days=40))
    young = put(store, b"young", age=timedelta(days=2))
    for name, digest in (("old", old), ("young", young)):
        store.remember_recipe(name, digest, {})
        store.remember_fact(name, {"object": digest})
        set_age(store, digest, timedelta(days=40 if name == "old" else 2))
    store.remember_fact("plain", {"object": None})
    store.prune(max_age=timedelta(days=30), now=NOW)
    assert store.fact("old") is None
    assert store.fact("plain") is not None
    assert store.fact("young") is not None
    assert store.recipe("young") == young
    assert len(list(store.root.glob("recipes/*/*.json"))) == 1


def test_damaged_entries_and_what_crashes_left_go(store: Store) -> None:
    digest = put(store, b"sound", age=timedelta(days=2))
    damaged = put(store, b"damaged", age=timedelta(days=2))
    path = store.root / "objects" / damaged[:2] / f"{damaged[2:]}.keras"
    path.chmod(0o644)
    path.write_bytes(b"dam")
    crashed = store.root / "scratch" / "crashed"
    crashed.mkdir(parents=True)
    (crashed / "half.keras").write_bytes(b"half")
    left = path.parent / ".left.tmp"
    left.write_bytes(b"left")
    running = store.root / "scratch" / "running"
    running.mkdir()
    for item in (crashed, left):
        os.utime(item, (0, 0))
    os.utime(running, (NOW.timestamp(), NOW.timestamp()))
    store.prune(now=NOW)
    assert held(store) == {digest}
    assert not path.exists()
    assert not crashed.exists()
    assert not left.exists()
    assert running.exists()


def test_the_hour_is_told_of_and_does_not_hold_where_everything_is_to_go(store: Store) -> None:
    digest = put(store, b"in use", age=timedelta(minutes=5))
    store.remember_recipe("r", digest, {})
    store.remember_fact("plain", {"object": None})
    set_age(store, digest, timedelta(minutes=5))
    kept = store.prune(max_bytes=0, now=NOW)
    assert (kept.removed, kept.recent, kept.entries) == ((), (digest,), 0)
    store.take_note("digests", "note", {})
    looked = store.prune(everything=True, dry_run=True, now=NOW)
    assert (looked.removed, looked.entries) == ((digest,), 3)
    assert held(store) == {digest}
    assert store.fact("plain") is not None
    assert store.prune(everything=True, now=NOW) == looked
    assert [path for path in store.root.rglob("*") if path.is_file()] == [
        store.root / "locks" / "store.lock"
    ]


USER = """
import sys
from pathlib import Path
from composer.store import Store
store = Store(Path(sys.argv[1]))
assert store.object_path(sys.argv[2]) is not None
print("using", flush=True)
sys.stdin.read()
"""


def test_what_another_process_uses_stays_until_that_ends(store: Store) -> None:
    used = put(store, b"used", age=timedelta(days=40))
    other = put(store, b"other", age=timedelta(days=40))
    command = [sys.executable, "-c", USER, str(store.root), used]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "using\n"
        set_age(store, used, timedelta(days=40))
        found = store.prune(everything=True)
        assert (found.removed, found.in_use) == ((other,), (used,))
        assert held(store) == {used}
        process.stdin.close()
    assert store.prune(everything=True).removed == (used,)


def test_a_download_that_somebody_is_at_stays(store: Store) -> None:
    with store.unfinished("url") as part:
        part.begin(validator="v", offset=0, size=None)
        part.append(b"half")
        with store.making("url"):
            assert store.prune(everything=True).leftovers == 0
    assert store.unfinished("url").size == 4
    assert store.prune().leftovers == 0
    assert store.prune(everything=True).leftovers == 1
    assert store.unfinished("url").size == 0


SCRATCH = """
import os, signal, sys
from pathlib import Path
from composer.store import Store
with Store(Path(sys.argv[1])).scratch() as folder:
    (folder / "half.keras").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_scratch_of_a_killed_process_goes_at_once_and_that_of_a_living_one_stays(
    store: Store,
) -> None:
    def crash() -> None:
        subprocess.run([sys.executable, "-c", SCRATCH, str(store.root)])
        assert len(list((store.root / "scratch").iterdir())) == 2

    crash()
    with store.scratch() as folder:  # sweeps, too
        assert list((store.root / "scratch").glob("*/half.keras")) == []
        crash_beside = subprocess.run([sys.executable, "-c", SCRATCH, str(store.root)])
        assert crash_beside.returncode
        pruned = store.prune()
        assert (pruned.leftovers, pruned.leftover_bytes) == (1, 4)
        assert folder.is_dir()
    assert list((store.root / "scratch").iterdir()) == []


def test_pruning_a_store_that_is_not_there_makes_none(store: Store) -> None:
    assert store.prune(max_bytes=0).removed == ()
    assert not store.root.exists()
