"""A build destroys nothing that is not an older artifact."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from composer.errors import BuildError
from composer.linker.target import check_target


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source.keras"
    file.write_bytes(b"weights")
    return file


def test_a_new_file_and_an_older_artifact_are_fine(tmp_path: Path, source: Path):
    check_target(tmp_path / "new.keras", [source])
    old = tmp_path / "old.keras"
    old.write_bytes(b"")
    check_target(old, [source, tmp_path / "gone.keras"])


def test_a_source_is_never_overwritten_by_what_is_linked_from_it(tmp_path: Path, source: Path):
    link = tmp_path / "link.keras"
    link.symlink_to(source)
    again = tmp_path / "again.keras"
    os.link(source, again)
    for target in (source, link, again, tmp_path / "x" / ".." / "source.keras"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.own-source"):
            check_target(target, [source])


@pytest.mark.parametrize("name", ["spec.yaml", "model.h5", "folder_to_be", "model.keras.bak"])
def test_a_name_that_keras_would_not_load_is_refused_with_one_that_it_would(
    tmp_path: Path, source: Path, name: str
):
    (tmp_path / "spec.yaml").write_text("version: 1")
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP701.extension") as caught:
        check_target(tmp_path / name, [source])
    assert caught.value.help is not None
    assert caught.value.help.endswith(".keras")


def test_a_pipe_or_device_is_left_what_it_is(tmp_path: Path, source: Path):
    pipe = tmp_path / "pipe.keras"
    os.mkfifo(pipe)
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.not-regular"):
        check_target(pipe, [source])


def test_a_folder_is_refused(tmp_path: Path, source: Path):
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.folder"):
        check_target(tmp_path, [source])
