"""A source that changes under a run: never a mix of two files, and always told by its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from composer.errors import SpecError
from composer.graphs.content_digest import digest_content
from composer.linker import check_artifact as check
from composer.linker import linker
from composer.outputs import write
from composer.record.lock_file import lock_path
from composer.sources import reading
from composer.sources.watched import Watched
from composer.spec.boundary import ANYWHERE
from composer.spec.model import Source
from composer.store import Store
from composer.workflows import answering
from composer.workflows.building import build_spec
from composer.workflows.locking import build_and_keep_lock, check_lock, find_lock, write_lock
from composer.workflows.pipeline import prepare
from tests.container.minimal import dense_model

KINDS = {
    "keras": ("a.keras", "a: {from: a.keras}", ("sources", "a", "from")),
    "weights": ("w.keras", "a: {from: a.keras, weights: w.keras}", ("sources", "a", "weights")),
    "architecture": ("a.keras", "a: {from: a.keras, weights: w.keras}", ("sources", "a", "from")),
    "spec": ("a.keras", "s: {from: inner.yaml}", ("sources", "a", "from")),
}
"""The file that is swapped, the source that reads it, and where the spec names it."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    for name, seed in (("a", 1), ("w", 2), ("other", 3)):
        dense_model(folder / f"{name}.keras", seed=seed)
    Path("inner.yaml").write_text("version: 1\nname: inner\nsources:\n  a: {from: a.keras}\n")
    return folder


def spec_of(source: str) -> Path:
    path = Path("spec.yaml")
    path.write_text(f"version: 1\nname: m\nsources:\n  {source}\noutput: {{path: out.keras}}\n")
    return path


def swap_in_place(path: Path, other: Path) -> None:
    """Overwrite a file with one of the same size, and put its time back."""
    old = path.stat()
    data = other.read_bytes()
    assert len(data) == old.st_size
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def swap_by_name(path: Path, other: Path) -> None:
    """Put another file in the place of one, with the same time."""
    old = path.stat()
    new = path.with_name("new")
    shutil.copy(other, new)
    os.utime(new, ns=(old.st_atime_ns, old.st_mtime_ns))
    new.replace(path)


WAYS = [swap_in_place, swap_by_name]
STAGES: dict[str, tuple[Any, str, bool]] = {
    "before the graph is read": (reading, "read_model", False),
    "after the graph is read": (reading, "read_model", True),
    "before the plan": (answering, "joined", False),
    "after the plan": (answering, "planned", True),
    "before the link": (linker, "link", False),
    "after the link": (linker, "link", True),
    "before the check": (check, "check_artifact", False),
    "after the check": (check, "check_artifact", True),
    "before it takes its place": (write, "_written", True),
}


@contextmanager
def swapped_at(
    stage: str, swap: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """Run ``swap`` once, when a build comes to a stage."""
    module, name, after = STAGES[stage]
    done: list[str] = []
    real = getattr(module, name)

    def stepped(*arguments: Any, **named: Any) -> Any:
        if not done and not after:
            done.append(stage)
            swap()
        result = real(*arguments, **named)
        if not done and after:
            done.append(stage)
            swap()
        return result

    with monkeypatch.context() as patch:
        patch.setattr(module, name, stepped)
        yield done


CASES = [
    (kind, stage, way)
    for kind in KINDS
    for number, stage in enumerate(STAGES)
    for way in (WAYS if kind == "keras" else WAYS[number % 2 :][:1])
]


@pytest.mark.parametrize(("kind", "stage", "way"), CASES)
def test_a_source_that_is_swapped_meanwhile_is_named_and_nothing_is_written(
    folder: Path, kind: str, stage: str, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, source, where = KINDS[kind]
    spec = spec_of(source)
    with (
        swapped_at(stage, lambda: way(Path(file), Path("other.keras")), monkeypatch) as done,
        pytest.raises(SpecError) as caught,
    ):
        build_spec(prepare(spec, deep=True))
    assert done
    error = next(item for item in caught.value.diagnostics if item.code == "CMP545")
    assert error.path == where
    assert error.span is not None
    assert {item.code for item in caught.value.diagnostics} <= {"CMP545", "CMP505"}
    assert not Path("out.keras").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    if kind == "keras":
        return
    # The store has kept nothing of it: the next build is one of the new file.
    again = build_spec(prepare(spec, deep=True), output="again.keras")
    shutil.rmtree(os.environ["COMPOSE_HOME"])
    fresh = build_spec(prepare(spec, deep=True), output="fresh.keras")
    assert again.sha256 == fresh.sha256


@pytest.mark.parametrize("way", WAYS)
def test_whatever_call_it_is_swapped_at_no_mix_comes_out(
    folder: Path, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of("a: {from: a.keras}")
    original = Path("original.keras")
    shutil.copy("a.keras", original)
    expected = set()
    for name in ("original.keras", "other.keras"):
        shutil.copy(name, "a.keras")
        build_spec(prepare(spec), output=f"of.{name}")
        expected.add(digest_content(f"of.{name}"))
    calls = _calls(lambda: build_spec(prepare(spec), force=True), None, monkeypatch)
    assert calls > 20
    refused = 0
    for number in range(0, calls, max(1, calls // 25)):
        shutil.copy(original, "a.keras")
        Path("out.keras").unlink(missing_ok=True)
        try:
            _calls(
                lambda: build_spec(prepare(spec), force=True),
                (number, lambda: way(Path("a.keras"), Path("other.keras"))),
                monkeypatch,
            )
        except SpecError as error:
            assert {item.code for item in error.diagnostics} == {"CMP545"}
            assert not Path("out.keras").exists()
            refused += 1
        else:
            assert digest_content("out.keras") in expected
    assert refused > 10


def _calls(
    run: Callable[[], Any],
    at: tuple[int, Callable[[], None]] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """Run something, act before one of its calls that open or read files, and count them."""
    count, acting = 0, False

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count, acting
            if not acting:
                if at is not None and count == at[0]:
                    acting = True
                    at[1]()
                    acting = False
                count += 1
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in ("open", "pread", "preadv", "copy_file_range"):
            patch.setattr(os, name, counted(getattr(os, name)))
        run()
    return count


def test_a_lock_is_not_written_of_a_file_that_came_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of("a: {from: a.keras}")
    write_lock(str(spec), ())
    text = lock_path(spec).read_text()
    locked = find_lock(spec)
    assert locked is not None
    prepared = prepare(spec)

    def late(accept: Any) -> Any:
        artifact = build_spec(prepared, accept=accept)
        swap_by_name(Path("a.keras"), Path("other.keras"))
        return artifact

    build_and_keep_lock(str(spec), prepared, locked, late)
    assert lock_path(spec).read_text() == text  # as of the file that was built
    dense_model(Path("a.keras"), seed=7)
    prepared = prepare(spec)
    with (
        swapped_at(
            "after the check",
            lambda: swap_by_name(Path("a.keras"), Path("other.keras")),
            monkeypatch,
        ),
        pytest.raises(SpecError),
    ):
        build_and_keep_lock(
            str(spec), prepared, locked, lambda accept: build_spec(prepared, accept=accept)
        )
    assert lock_path(spec).read_text() == text


def test_a_check_against_a_lock_is_of_the_file_that_was_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of("a: {from: a.keras}")
    write_lock(str(spec), ())
    with (
        swapped_at(
            "after the plan",
            lambda: swap_in_place(Path("a.keras"), Path("other.keras")),
            monkeypatch,
        ),
    ):
        found = check_lock(str(spec), ())
    assert [error.code for error in found.errors] == ["CMP545"]


class Nowhere:
    """Positions of a spec that has no text."""

    def value(self, _path: Any) -> None:
        return None

    def origins(self, _path: Any) -> tuple[()]:
        return ()


@pytest.mark.parametrize("change", ["a file", "a new file", "a file that goes"])
def test_a_folder_changes_with_anything_in_it(folder: Path, change: str) -> None:
    inside = folder / "saved" / "variables"
    inside.mkdir(parents=True)
    (inside / "data").write_bytes(b"one")
    (folder / "saved" / "saved_model.pb").write_bytes(b"graph")
    watched = Watched()
    source = Source(id="s", location="saved", directory=folder)
    watched.watch(source, Nowhere())  # type: ignore[arg-type]
    watched.check()
    match change:
        case "a file":
            swap_in_place(inside / "data", _file(folder / "two", b"two"))
        case "a new file":
            (inside / "more").write_bytes(b"")
        case _:
            (inside / "data").unlink()
    with pytest.raises(SpecError) as caught:
        watched.check()
    assert caught.value.diagnostics[0].code == "CMP545"


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_an_import_of_a_file_that_changed_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from composer.keras_process import imports
    from composer.sources.context import Context
    from composer.sources.remote.fetching import Fetcher

    store = Store(folder / "own")
    context = Context(
        store=store,
        fetcher=Fetcher(store=store, offline=True),
        seed=0,
        may_import=True,
        boundary=ANYWHERE,
    )
    source = Source(id="s", location="w.keras", directory=folder)
    context.watched.watch(source, Nowhere())  # type: ignore[arg-type]

    def run(request: Any, **_named: Any) -> dict[str, Any]:
        shutil.copy("a.keras", request["target"])
        swap_by_name(Path("w.keras"), Path("other.keras"))
        return {}

    monkeypatch.setattr(imports, "run", run)
    recipe = imports.ImportRequest(importer="h5", decides={"sha256": "of w"}, request={})
    with pytest.raises(SpecError):
        context.imported(recipe)
    assert store.list_objects() == ()
    assert imports.find_model(recipe, store) is None
