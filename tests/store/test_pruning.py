"""Pruning: what goes, what stays, and that nothing is left that leads nowhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def test_pruning_a_store_that_is_not_there_makes_none(store: Store) -> None:
    assert store.prune(max_bytes=0).removed == ()
    assert not store.root.exists()
