"""The store: adding, finding, damage, locks between processes, disks that refuse."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from composer.errors import BuildError
from composer.files import file_times
from composer.store import Store, default_store
from composer.store import store as store_module
from composer.store.folder import check_folder, make_folder

KEY = "a recipe"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, content: bytes) -> str:
    path = store.root.parent / "finished.keras"
    path.write_bytes(content)
    return store.add(path)


def test_an_added_file_is_found_by_the_digest_of_its_bytes(store: Store, tmp_path: Path) -> None:
    digest = put(store, b"weights")
    assert digest == hashlib.sha256(b"weights").hexdigest()
    path = store.object_path(digest)
    assert path is not None
    assert path.read_bytes() == b"weights"
    assert path.relative_to(store.root).parts == (
        "objects",
        digest[:2],
        f"{digest[2:]}.keras",
    )
    assert not (tmp_path / "finished.keras").exists()


def test_an_object_is_read_only(store: Store) -> None:
    path = store.object_path(put(store, b"weights"))
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o444


def test_the_same_content_twice_is_one_object(store: Store) -> None:
    assert put(store, b"same") == put(store, b"same")
    assert len(store.list_objects()) == 1


def test_what_another_process_added_a_moment_before_is_not_pulled_from_under_its_reader(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Store(store.root)
    finished = tmp_path / "finished_too.keras"
    finished.write_bytes(b"weights")
    looked = store._healthy
    seen: list[tuple[int, int]] = []

    def healthy(digest: str, *, verify: bool) -> bool:
        found = looked(digest, verify=verify)
        if not seen:  # between the first look and the lock
            seen.append((0, 0))
            path = other.object_path(other.add(finished))
            assert path is not None
            seen[0] = (path.stat().st_ino, path.stat().st_mtime_ns)
        return found

    monkeypatch.setattr(
        Store, "_healthy", lambda self, *a, **k: (healthy if self is store else looked)(*a, **k)
    )
    path = store.object_path(put(store, b"weights"))
    assert path is not None
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == seen[0]


def test_adding_leaves_nothing_but_the_object_and_its_record(store: Store) -> None:
    put(store, b"weights")
    files = [p.suffix for p in store.root.rglob("*") if p.is_file() and p.suffix != ".lock"]
    assert sorted(files) == [".json", ".keras"]


def test_an_unknown_or_malformed_digest_is_absent(store: Store) -> None:
    assert store.object_path("0" * 64) is None
    assert store.object_path("../../etc/passwd") is None
    assert store.recipe(KEY) is None
    assert store.fact(KEY) is None
    assert store.list_objects() == ()
    assert not store.root.exists()


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_truncated_object_is_absent_and_is_replaced(store: Store) -> None:
    digest = put(store, b"weights")
    store.remember_recipe(KEY, digest, {})
    path = store.object_path(digest)
    assert path is not None
    overwrite(path, b"wei")
    assert store.object_path(digest) is None
    assert store.recipe(KEY) is None
    assert put(store, b"weights") == digest
    assert path.read_bytes() == b"weights"
    assert store.recipe(KEY) == digest


def test_changed_bytes_of_the_same_size_are_found_and_replaced(store: Store) -> None:
    digest = put(store, b"weights")
    store.remember_recipe(KEY, digest, {})
    path = store.object_path(digest)
    assert path is not None
    overwrite(path, b"WEIGHTS")
    for again in (store, Store(store.root)):
        assert again.object_path(digest) is None
        assert again.recipe(KEY) is None
    assert put(store, b"weights") == digest
    assert store.recipe(KEY) == digest


def test_an_object_is_read_once_for_each_state_of_its_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_times, "SETTLED", 0)
    read: list[Path] = []
    real = store_module._digest_and_size

    def counted(path: Path) -> tuple[str, int]:
        read.append(path)
        return real(path)

    digest = put(store, b"weights")
    monkeypatch.setattr(store_module, "_digest_and_size", counted)
    assert store.object_path(digest) is not None
    assert read == []  # hashed while it was added
    for _ in range(2):
        assert Store(store.root).object_path(digest) is not None
    assert len(read) == 1
    # Two that exchange their content keep size and time, and no program can set the third.
    path = store._object_file(digest)
    times = path.stat()
    overwrite(path, b"WEIGHTS")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert Store(store.root).object_path(digest) is None
    overwrite(path, b"weights")
    never = Store(store.root, trusts_times=False)
    read.clear()
    assert never.object_path(digest) is not None
    assert never.object_path(digest) is not None
    assert len(read) == 1


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("write", ["object", "note", "lock", "scratch"])
def test_the_folder_is_its_users_alone_whatever_the_umask(
    tmp_path: Path, umask: int, write: str
) -> None:
    store = Store(tmp_path / "deep" / "store")
    (tmp_path / "deep").mkdir()
    old = os.umask(umask)
    try:
        match write if umask != 0o777 else "folder":
            case "object":
                os.umask(0o022)
                made = tmp_path / "made"
                made.write_bytes(b"weights")
                os.umask(umask)
                store.add(made)
            case "note":
                store.take_note("kind", "key", {})
            case "lock":
                with store.making("key"):
                    pass
            case "scratch":
                with store.scratch():
                    pass
            case "folder":
                make_folder(store.root)
    finally:
        os.umask(old)
    assert store.root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_store_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    root = tmp_path / "store"
    root.mkdir()
    monkeypatch.setenv("COMPOSE_HOME", str(root))
    root.chmod(0o755)
    assert default_store().root == root
    root.chmod(mode)
    with pytest.raises(BuildError) as caught:
        default_store()
    assert caught.value.help is not None
    command = caught.value.help.split(" closes")[0]
    assert command == f"chmod 700 {root}"
    root.chmod(0o700)
    assert default_store().root == root


def test_the_place_that_nobody_chose_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPOSE_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = tmp_path / "keras-compose"
    root.mkdir()
    root.chmod(0o775)
    assert default_store().root == root
    assert root.stat().st_mode & 0o777 == 0o700


def test_the_store_of_another_user_is_refused_but_for_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    root.mkdir(mode=0o700)
    owner = root.stat().st_uid
    monkeypatch.setattr("composer.store.folder.os.geteuid", lambda: owner + 1)
    if owner:
        with pytest.raises(BuildError):
            check_folder(root, own=False)
    else:  # root's own is nobody's to change but root's
        check_folder(root, own=False)
        os.chown(root, 12345, -1)
        with pytest.raises(BuildError):
            check_folder(root, own=False)
    monkeypatch.setattr("composer.store.folder.os.geteuid", lambda: 0)
    check_folder(root, own=False)


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 999}', b"[" * 100_000],
)
def test_a_damaged_document_counts_as_absent_and_is_replaced(store: Store, damage: bytes) -> None:
    digest = put(store, b"weights")
    store.remember_recipe(KEY, digest, {"importer": "app"})
    store.remember_fact(KEY, {"shape": [None, 3]})
    for path in store.root.rglob("*.json"):
        path.write_bytes(damage)
    assert store.recipe(KEY) is None
    assert store.fact(KEY) is None
    assert store.object_path(digest) is None
    assert store.list_objects() == ()
    put(store, b"weights")
    store.remember_recipe(KEY, digest, {"importer": "app"})
    store.remember_fact(KEY, {"shape": [None, 3]})
    assert store.recipe(KEY) == digest
    assert store.fact(KEY) == {"shape": [None, 3]}


@pytest.mark.parametrize("field", ["key", "digest", "fact", "size"])
def test_a_document_with_a_field_of_another_type_counts_as_absent(store: Store, field: str) -> None:
    digest = put(store, b"weights")
    store.remember_recipe(KEY, digest, {})
    store.remember_fact(KEY, {"a": 1})
    for path in store.root.rglob("*.json"):
        document = json.loads(path.read_text())
        if field in document:
            path.write_text(json.dumps({**document, field: [1]}))
    if field == "size":
        assert store.object_path(digest) is None
    if field in {"key", "digest", "size"}:
        assert store.recipe(KEY) is None
    if field in {"key", "fact"}:
        assert store.fact(KEY) is None


def test_a_recipe_whose_object_is_gone_is_absent(store: Store) -> None:
    digest = put(store, b"weights")
    store.remember_recipe(KEY, digest, {})
    path = store.object_path(digest)
    assert path is not None
    path.unlink()
    assert store.recipe(KEY) is None


def test_objects_are_listed_with_what_their_recipes_are_about(store: Store) -> None:
    first, second = put(store, b"one"), put(store, b"two!")
    store.remember_recipe("k1", first, {"name": "ResNet50"})
    listed = {item.digest: item for item in store.list_objects()}
    assert list(listed) == sorted([first, second])
    assert listed[first].about == ({"name": "ResNet50"},)
    assert listed[second].about == ()
    assert listed[second].size == 4


def test_scratch_is_removed_also_after_an_error(store: Store) -> None:
    def work() -> None:
        with store.scratch() as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "file").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert list((store.root / "scratch").iterdir()) == []


# ---------------------------------------------------------------- several processes

ADDER = """
import sys
from pathlib import Path
from composer.store import Store
store = Store(Path(sys.argv[1]))
for n in range(20):
    path = Path(sys.argv[2]) / f"{n}.keras"
    path.write_bytes(b"object %d" % n * 50_000)
    print(store.add(path))
"""

MAKER = """
import sys, time
from pathlib import Path
from composer.store import Store
store, made = Store(Path(sys.argv[1])), Path(sys.argv[2]) / sys.argv[3]
for n in range(5):
    key = f"recipe {n}"
    with store.making(key):
        if store.recipe(key) is None:
            path = made.with_name(f"{made.name}-{n}.keras")
            path.write_bytes(b"%d" % n)
            time.sleep(0.05)
            store.remember_recipe(key, store.add(path), {})
            print("made", n)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def test_processes_that_add_the_same_objects_agree(store: Store, tmp_path: Path) -> None:
    folders = [tmp_path / str(n) for n in range(3)]
    for folder in folders:
        folder.mkdir()
    processes = [start(ADDER, store.root, folder) for folder in folders]
    printed = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert printed[0] == printed[1] == printed[2]
    assert len(set(printed[0])) == 20
    assert all(store.object_path(digest, verify=True) for digest in printed[0])
    assert len(store.list_objects()) == 20


def test_what_two_processes_want_at_once_is_made_once(store: Store, tmp_path: Path) -> None:
    processes = [start(MAKER, store.root, tmp_path, name) for name in ("a", "b", "c")]
    printed = [process.communicate(timeout=60)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(sum(printed, [])) == [f"made {n}" for n in range(5)]


def test_a_process_that_dies_while_making_lets_the_next_one_in(store: Store) -> None:
    script = (
        "import os, sys; from pathlib import Path; from composer.store import Store\n"
        "with Store(Path(sys.argv[1])).making('key'): os._exit(9)\n"
    )
    with start(script, store.root) as process:
        assert process.wait(timeout=60) == 9
    entered = []
    with store.making("key"):
        entered.append(True)
    assert entered


def test_threads_that_make_the_same_take_turns(store: Store) -> None:
    order: list[str] = []
    inside = threading.Event()
    release = threading.Event()

    def first() -> None:
        with store.making("key"):
            inside.set()
            release.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    second = threading.Thread(target=lambda: order.append(wait_for(store)))
    second.start()
    release.set()
    thread.join(10)
    second.join(10)
    assert order == ["first", "second"]


def wait_for(store: Store) -> str:
    with store.making("key"):
        return "second"


def test_making_one_thing_does_not_wait_for_another(store: Store) -> None:
    with store.making("one"), store.making("two"):
        assert put(store, b"made inside both")


# ---------------------------------------------------------------- disks that refuse


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission was denied"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_a_disk_that_refuses_is_a_build_error_in_words(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(BuildError, match=words) as caught:
        put(store, b"weights")
    assert str(store.root) in caught.value.message
    with pytest.raises(BuildError, match=words):
        store.remember_fact(KEY, {})
    monkeypatch.undo()
    assert store.list_objects() == ()
    assert store.fact(KEY) is None
    assert list(store.root.rglob("*.tmp")) == []


def test_a_file_in_the_place_of_the_store_is_a_build_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("I was here first")
    store = Store(tmp_path / "store")
    assert store.recipe(KEY) is None
    with (
        pytest.raises(BuildError, match="there is a file where a folder is needed") as caught,
        store.scratch(),
    ):
        pass
    assert caught.value.help is not None
    assert "COMPOSE_HOME" in caught.value.help


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_store_can_be_read(store: Store) -> None:
    digest = put(store, b"weights")
    store.remember_recipe(KEY, digest, {})
    folders = [store.root, *(p for p in store.root.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert store.recipe(KEY) == digest
        with pytest.raises(BuildError, match="permission"):
            store.remember_fact(KEY, {})
    finally:
        for folder in folders:
            folder.chmod(0o755)


# ---------------------------------------------------------------- where it is


def test_compose_home_says_where_the_default_store_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "mine"))
    assert default_store().root == tmp_path / "mine"


def test_without_compose_home_the_store_is_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPOSE_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    root = default_store().root
    assert root.name == "keras-compose"
    assert tmp_path in root.parents
