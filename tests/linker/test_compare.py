"""An artifact is compared with its sources byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from composer.errors import DriftError
from composer.linker.check_artifact import check_artifact
from composer.model_files.read_model import read_model
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare


@pytest.fixture
def built(models, tmp_path):
    (tmp_path / "models").symlink_to(models)
    spec = tmp_path / "spec.yaml"
    spec.write_text("version: 1\nname: m\nsources: {t: {from: models/tower.keras, prefix: t_}}\n")
    prepared = prepare(spec, store=Store(tmp_path / "store"))
    return build_spec(prepared, output=tmp_path / "m.keras")


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def test_what_was_built_is_what_the_plan_says(built):
    check_artifact(built.path, built.plan, {})


def test_one_changed_bit_of_any_tensor_is_found_and_named(built):
    tensors = [tensor for tensor in read_model(built.path).listing.tensors if tensor.nbytes]
    assert len(tensors) == 6
    for tensor in tensors:
        for place in (tensor.offset, tensor.offset + tensor.nbytes - 1):
            flip(built.path, place)
            with pytest.raises(DriftError, match=tensor.path):
                check_artifact(built.path, built.plan, {})
            flip(built.path, place)
    check_artifact(built.path, built.plan, {})


def test_an_artifact_of_another_plan_is_refused(built, tmp_path, models):
    other = tmp_path / "other.yaml"
    other.write_text("version: 1\nname: m\nsources: {t: {from: models/tower_b.keras}}\n")
    plan = prepare(other, store=Store(tmp_path / "store")).plan
    with pytest.raises(DriftError, check=lambda error: error.key == "CMP614.not-as-planned"):
        check_artifact(built.path, plan, {})


def test_a_source_that_shrank_after_it_was_planned_is_no_match(built):
    source = built.plan.files["t"].path
    copy = built.path.with_name("copy.keras")
    copy.write_bytes(source.read_bytes())
    plan = built.plan
    os.truncate(built.path, built.path.stat().st_size - 10)
    with pytest.raises(DriftError, check=lambda error: error.key == "CMP614.unreadable"):
        check_artifact(built.path, plan, {})
