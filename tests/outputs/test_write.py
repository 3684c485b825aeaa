"""Weights are linked as Keras would save them; what is written twice is the same twice."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import composer
from composer.container.digests import digest_file, digest_sums, digest_tensors
from composer.container.hdf5_read import open_weights
from composer.container.stored import StoredGroup
from composer.errors import DriftError

SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
output: {path: build/pair, format: [keras, weights]}
"""
# Loads the linked model, saves its weights, and loads ours into a second one made anew.
LOAD = """
import sys
import keras, numpy

linked = keras.saving.load_model(sys.argv[1])
linked.save_weights(sys.argv[3])
fresh = keras.Model.from_config(linked.get_config())
fresh.load_weights(sys.argv[2])
for one, other in zip(linked.weights, fresh.weights, strict=True):
    first, second = numpy.asarray(one), numpy.asarray(other)
    assert (first.dtype, first.tobytes()) == (second.dtype, second.tobytes()), one.path
"""


@pytest.fixture
def spec(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    Path("spec.yaml").write_text(SPEC)
    return Path("spec.yaml")


def _described(path: Path) -> list[tuple[object, ...]]:
    """Return all groups with their attributes and all tensors, in the file's order."""
    with open_weights(path) as weights:
        return [
            (entry.path, entry.attributes)
            if isinstance(entry, StoredGroup)
            else (entry.path, entry.shape, entry.dtype, entry.attributes)
            for entry in weights.listing.entries
        ]


@pytest.mark.keras
def test_linked_weights_hold_what_keras_saves_and_keras_loads_them(spec) -> None:
    model, weights = composer.build(spec).files
    subprocess.run(
        [sys.executable, "-c", LOAD, str(model.path), str(weights.path), "keras.weights.h5"],
        check=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=120,
    )
    theirs = Path("keras.weights.h5")
    assert _described(weights.path) == _described(theirs)
    assert digest_tensors(weights.path) == digest_tensors(theirs)


def test_the_same_inputs_give_the_same_bytes_and_digests(spec) -> None:
    first = composer.build(spec)
    assert [(str(file.path), file.format) for file in first.files] == [
        ("build/pair.keras", "keras"),
        ("build/pair.weights.h5", "weights"),
    ]
    assert (first.path, first.sha256) == (first.files[0].path, first.files[0].sha256)
    assert [file.sha256 for file in first.files] == [digest_file(f.path) for f in first.files]
    assert [file.size for file in first.files] == [f.path.stat().st_size for f in first.files]
    again = composer.build(spec, output=["x.weights.h5", "x.keras"])
    assert [file.sha256 for file in again.files] == [file.sha256 for file in first.files][::-1]


def test_weights_alone_leave_no_archive_behind(spec) -> None:
    composer.build(spec, output="only/w.weights.h5")
    assert [path.name for path in Path("only").iterdir()] == ["w.weights.h5"]


def test_weights_that_are_not_what_was_planned_take_no_place(spec, monkeypatch) -> None:
    from composer.linker import linker

    write = linker.link_weights

    def damage(plan, target):
        write(plan, target)
        with open_weights(target) as weights:
            offset = weights.listing.tensors[0].offset
        data = bytearray(target.read_bytes())
        data[offset] ^= 1
        target.write_bytes(data)

    monkeypatch.setattr(linker, "link_weights", damage)
    with pytest.raises(DriftError, match=r"the weights 'layers/.* differ"):
        composer.build(spec)
    assert list(Path("build").iterdir()) == []


def test_the_digest_of_a_folder_is_what_its_documented_command_gives(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", "a.txt", "B.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    done = subprocess.run(
        "find * -type f | LC_ALL=C sort | xargs sha256sum",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert digest_sums(tmp_path) == hashlib.sha256(done.stdout).hexdigest()
