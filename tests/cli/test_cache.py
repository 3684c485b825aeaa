"""``compose cache``: what it lists, what it prunes, and what it says of both."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from composer.cli.numbers import age_from, bytes_from
from composer.store import Store
from tests.test_unfinished import killed

DAY = 86_400


@pytest.fixture
def store(workspace: Path, tmp_path: Path) -> Store:
    """Return the store of ``compose``, with two objects in it."""
    store = Store(tmp_path / "store")
    for name, days in (("old", 40), ("young", 2)):
        path = tmp_path / "finished.keras"
        path.write_bytes(name.encode() * 1000)
        digest = store.add(path)
        store.remember_recipe(name, digest, {"importer": "app", "name": name.title()})
        moment = time.time() - days * DAY
        os.utime(store.root / "objects" / digest[:2] / f"{digest[2:]}.json", (moment, moment))
    return store


def test_the_list_shows_what_each_object_is_and_when_it_was_used(compose, store) -> None:
    found = compose("cache")
    assert found.code == 0
    head, young, old, others = found.out.splitlines()
    assert head.startswith(f"{store.root}: ")
    assert head.endswith(" in 2 objects")
    assert young.split()[1:] == ["4.9", "KiB", "2", "days", "ago", "app", "Young"]
    assert old.split()[1:] == ["2.9", "KiB", "40", "days", "ago", "app", "Old"]
    assert others.startswith(
        "  2 records of how objects were made, 0 answers of Keras and 0 notes on files ("
    )


def test_listing_changes_nothing(compose, store) -> None:
    before = [(path, path.stat().st_mtime) for path in sorted(store.root.rglob("*"))]
    compose("cache")
    compose("cache", "--json")
    assert [(path, path.stat().st_mtime) for path in sorted(store.root.rglob("*"))] == before


def test_the_document_holds_whole_digests_and_sizes_in_bytes(compose, store) -> None:
    found = json.loads(compose("cache", "--json").out)
    assert found["path"] == str(store.root)
    assert [(item["name"], item["size"]) for item in found["objects"]] == [
        ("Young", 5000),
        ("Old", 3000),
    ]
    assert found["size"] == 8000 + found["other_size"]
    assert {item["sha256"] for item in found["objects"]} == {
        item.digest for item in store.list_objects()
    }


def test_without_limits_what_was_unused_for_thirty_days_goes(compose, store) -> None:
    looked = compose("cache", "prune", "--dry-run")
    assert looked.out.splitlines()[0] == (
        "would remove 1 object (2.9 KiB), 1 entry on objects, answers of Keras and files"
    )
    assert len(store.list_objects()) == 2
    done = compose("cache", "prune")
    assert done.out == looked.out.replace("would remove", "removed")
    assert done.out.splitlines()[1].endswith("40 days ago  app Old")
    assert done.out.splitlines()[-1] == "1 object stays (4.9 KiB)"
    assert [item.size for item in store.list_objects()] == [5000]
    assert compose("cache", "prune").out == "nothing to remove\n1 object stays (4.9 KiB)\n"


@pytest.mark.parametrize(
    ("limit", "staying"),
    [
        (["--older-than", "41d"], [5000, 3000]),
        (["--older-than", "3d"], [5000]),
        (["--older-than", "24h"], []),
        (["--max-size", "9kB"], [5000, 3000]),
        (["--max-size", "6kB"], [5000]),
        (["--max-size", "6kB", "--older-than", "1d"], []),
        (["--all"], []),
    ],
    ids=str,
)
def test_limits_are_kept(compose, store, limit, staying) -> None:
    document = json.loads(compose("cache", "prune", *limit, "--json").out)
    assert sorted((item.size for item in store.list_objects()), reverse=True) == staying
    assert len(document["removed"]) == 2 - len(staying)
    assert (document["freed"], document["kept"]) == (8000 - sum(staying), sum(staying))


def test_what_was_just_used_stays_and_the_screen_says_what_would_take_it(compose, store) -> None:
    for item in store.list_objects():
        store.object_path(item.digest)
    assert compose("cache", "prune", "--max-size", "1kB").out == (
        "nothing to remove\n2 objects stay (7.8 KiB), 2 used within the last hour (--all removes "
        "these too)\n"
    )
    assert compose("cache", "prune", "--all").out.endswith("\n0 objects stay (0 B)\n")
    assert store.list_objects() == ()


def test_leftovers_of_killed_commands_are_shown_and_go(compose, store) -> None:
    with store.scratch():
        pass
    killed(store.root / "scratch", ".scratch.0badcafe")
    assert "2 leftovers of killed commands (8 B)" in compose("cache").out
    assert compose("cache", "prune", "--older-than", "1w", "--dry-run").out.splitlines()[0] == (
        "would remove 1 object (2.9 KiB), 2 leftovers (8 B), 1 entry on objects, answers of Keras and files"
    )
    compose("cache", "prune")
    assert list((store.root / "scratch").iterdir()) == []


def test_a_store_that_is_not_there_is_said_to_be_not_there(compose, tmp_path) -> None:
    found = compose("cache")
    assert (found.code, found.out) == (0, f"{tmp_path / 'store'}: there is no store yet\n")
    assert compose("cache", "prune", "--all").out == "nothing to remove\n"
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--older-than", "3x"], "'3x' is no age"),
        (["--older-than", "3"], "'3' is no age"),
        (["--older-than", "-3d"], "'-3d' is no age"),
        (["--max-size", "much"], "'much' is no size"),
        (["--max-size", "5"], "'5' is no size"),
        (["--all", "--max-size", "5GiB"], "--all removes whatever"),
        (["--all", "--older-than", "0d"], "--all removes whatever"),
    ],
    ids=str,
)
def test_a_limit_that_is_none_is_refused_and_nothing_goes(
    compose, store, arguments, message
) -> None:
    found = compose("cache", "prune", *arguments)
    assert found.code == 2
    assert message in found.err
    assert found.out == ""
    assert len(store.list_objects()) == 2


def test_a_subcommand_that_is_not_there_is_refused_with_the_nearest(compose, store) -> None:
    found = compose("cache", "prun")
    assert found.code == 2
    assert "did you mean 'prune'" in found.err.lower()


def test_units_of_ages_and_sizes() -> None:
    assert [bytes_from(text) for text in ("1kB", "1K", "1.5 GiB", "2TB", "7b")] == [
        1000, 1024, 3 << 29, 2 * 10**12, 7,
    ]  # fmt: skip
    seconds = [age_from(text) for text in ("90m", "12h", "30d", "2w", "0d")]
    assert [age.total_seconds() for age in seconds if age is not None] == [
        5400, 43_200, 30 * DAY, 14 * DAY, 0,
    ]  # fmt: skip
    for text in ("", "d", "1e3d", "nan d", "1 1d", "9" * 400 + "w"):
        assert age_from(text) is None
    assert bytes_from("1 parsec") is None
