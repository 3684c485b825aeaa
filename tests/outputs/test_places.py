"""All places of a build are taken, or none is; nothing that is not ours is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.errors import BuildError
from composer.outputs import places as module
from composer.outputs.places import check_places, take_places, unfinished
from composer.spec.model import Destination


def file(path: Path, form: str = "keras") -> Destination:
    return Destination(path=path, format=form)


def saved_model(folder: Path, text: str) -> None:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(text)
    (folder / "variables" / "variables.index").write_text(text)


def tree(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def write(items, text: str) -> None:
    for item in items:
        if item.place.format == "saved_model":
            saved_model(item.path, text)
        else:
            item.path.write_text(text)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Destination, ...]:
    return (
        file(tmp_path / "out" / "a.keras"),
        file(tmp_path / "out" / "a", "saved_model"),
        file(tmp_path / "other" / "a.onnx", "onnx"),
    )


@pytest.fixture(params=["exchange", "move"], autouse=True)
def step(request, monkeypatch) -> None:
    """Run each test also as on a system that can't exchange two names in one step."""
    if request.param == "move":
        monkeypatch.setattr(module, "exchange", lambda _one, _other: False)


def test_all_take_their_places_and_nothing_else_is_left(places, tmp_path: Path) -> None:
    for text in ("first", "second"):
        check_places(places, [])
        with unfinished(places) as items:
            write(items, text)
            take_places(items)
        assert tree(tmp_path) == dict.fromkeys(
            [
                "other/a.onnx",
                "out/a.keras",
                "out/a/saved_model.pb",
                "out/a/variables/variables.index",
            ],
            text,
        )


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_when_one_place_fails_every_other_is_as_it_was(places, tmp_path, before, missing) -> None:
    if before:
        with unfinished(places) as items:
            write(items, "old")
            take_places(items)
    state = tree(tmp_path)
    with (
        pytest.raises(BuildError, check=lambda error: error.key == "CMP712.unwritable") as caught,
        unfinished(places) as items,
    ):
        write(items[:missing] + items[missing + 1 :], "new")
        take_places(items)
    assert caught.value.help == "all was left as it was"
    assert tree(tmp_path) == state


def test_one_file_alone_that_fails_keeps_what_stood_there(tmp_path: Path) -> None:
    place = file(tmp_path / "a.keras")
    place.path.write_text("old")
    with pytest.raises(BuildError), unfinished([place]) as items:
        take_places(items)
    assert tree(tmp_path) == {"a.keras": "old"}


def test_what_was_not_finished_is_removed(places, tmp_path: Path) -> None:
    with pytest.raises(KeyError), unfinished(places) as items:
        write(items, "new")
        raise KeyError
    assert tree(tmp_path) == {}


def test_a_disk_without_hard_links_loses_nothing_either(places, tmp_path, monkeypatch) -> None:
    with unfinished(places) as items:
        write(items, "old")
        take_places(items)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(module, "exchange", lambda _one, _other: False)
    state = tree(tmp_path)
    with pytest.raises(BuildError), unfinished(places) as items:
        write(items[:2], "new")
        take_places(items)
    assert tree(tmp_path) == state


def test_a_folder_that_is_no_saved_model_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    place = file(folder, "saved_model")
    check_places([place], [])  # an empty one holds nothing to lose
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BuildError, match=r"is not of the format saved_model.*notes\.txt"):
        check_places([place], [])
    saved_model(folder, "theirs")
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.other-folder"):
        check_places([place], [])
    (folder / "notes.txt").unlink()
    check_places([place], [])
    (folder / "saved_model.pb").unlink()
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.other-folder"):
        check_places([place], [])


def test_a_file_or_a_link_is_no_place_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.file-for-folder"):
        check_places([file(tmp_path / "file", "saved_model")], [])
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.link"):
        check_places([file(tmp_path / "link", "saved_model")], [])


def test_a_source_is_no_place_whatever_the_format(tmp_path: Path) -> None:
    source = tmp_path / "old.h5"
    source.write_text("weights")
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.own-source"):
        check_places([file(source, "h5")], [source])


def test_a_folder_that_is_or_holds_a_source_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    place = file(folder, "saved_model")
    check_places([place], [tmp_path / "other"])
    for source in (folder, folder / "variables" / "model.keras"):
        with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.own-source-folder"):
            check_places([place], [source])
