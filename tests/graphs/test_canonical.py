"""Canonical form: what must go, what must stay, and that it is a fixed point."""

from __future__ import annotations

import copy
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.container.archive import open_archive
from composer.container.digests import digest_file, digest_tensors
from composer.errors import FormatError
from composer.graphs.canonical import METADATA_KEY, Renumbering, canonical_config
from composer.graphs.content_digest import content_digest
from composer.model_files.canonical_file import canonicalise
from tests.container.minimal import dense_model, write_keras_file


def shared(number, **config):
    return {"class_name": "DTypePolicy", "config": config, "shared_object_id": number}


def test_compilation_goes_at_every_depth_and_arguments_of_that_name_stay():
    inner = {"class_name": "Functional", "config": {"x": 1}, "compile_config": {"optimizer": "a"}}
    config = {
        "class_name": "Functional",
        "config": {"layers": [inner], "compile_config": "an argument"},
        "compile_config": None,
    }
    kept = copy.deepcopy(config)
    assert canonical_config(config) == {
        "class_name": "Functional",
        "config": {
            "layers": [{"class_name": "Functional", "config": {"x": 1}}],
            "compile_config": "an argument",
        },
    }
    assert config == kept, "the argument stays as it is"


def test_shared_ids_are_numbered_by_first_appearance_and_never_dropped():
    config = {"b": [shared(940), shared(17), shared(940)], "a": shared(5, inner=shared(17))}
    found = canonical_config(config)
    assert [item["shared_object_id"] for item in found["b"]] == [1, 2, 1]
    assert found["a"]["shared_object_id"] == 3
    assert found["a"]["config"]["inner"]["shared_object_id"] == 2
    assert list(found) == ["b", "a"]


def test_an_argument_that_is_called_like_an_id_is_left_alone():
    assert canonical_config({"shared_object_id": 940}) == {"shared_object_id": 940}


def test_two_sources_never_share_a_number():
    numbers = Renumbering()
    left = numbers.apply([shared(7), shared(8), shared(7)], "left")
    right = numbers.apply([shared(7), shared(9)], "right")
    again = numbers.apply(shared(8), "left")
    assert [item["shared_object_id"] for item in left] == [1, 2, 1]
    assert [item["shared_object_id"] for item in right] == [3, 4]
    assert again["shared_object_id"] == 2


CONFIGS = st.recursive(
    st.integers(0, 3) | st.builds(shared, st.integers(0, 5)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "compile_config"]), inner)
        | st.fixed_dictionaries(
            {"class_name": st.just("X"), "config": inner},
            optional={"compile_config": inner, "shared_object_id": st.integers(0, 5)},
        )
    ),
    max_leaves=12,
)


@given(CONFIGS, st.permutations(range(6)))
def test_the_form_is_a_fixed_point_and_blind_to_the_numbers_that_were(config, numbers):
    config = {"class_name": "X", "config": config}
    once = canonical_config(config)
    assert canonical_config(once) == once

    def renamed(value):
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, dict):
            return {
                key: numbers[item] + 10**9
                if key == "shared_object_id" and "class_name" in value
                else renamed(item)
                for key, item in value.items()
            }
        return value

    assert json.dumps(canonical_config(renamed(config))) == json.dumps(once)


def compiled_model(path, *, date, number, optimizer):
    array = np.arange(4, dtype="f4")
    config = {
        "class_name": "Functional",
        "config": {"dtype": shared(number, name="float32"), "again": shared(number)},
        "compile_config": {"optimizer": {"class_name": "Adam"}},
    }
    tensors = {
        "layers/functional/layers/dense/vars/0": array,
        "layers/functional/optimizer/vars/0": array * optimizer,
        "optimizer/vars/0": array + optimizer,
        "optimizer/vars/1": array + optimizer,
    }
    return write_keras_file(
        path, config, tensors, names={"optimizer/vars": "adam", "vars": "model"},
        metadata={"keras_version": "3.15.1", "date_saved": date, METADATA_KEY: {"recipe": 1}},
        assets={"layers/lookup/v.txt": b"a"},
    )  # fmt: skip


def test_two_saves_of_one_model_become_the_same_file(tmp_path):
    first = compiled_model(tmp_path / "a.keras", date="1", number=9401, optimizer=1)
    second = compiled_model(tmp_path / "b.keras", date="2", number=77, optimizer=2)
    found = canonicalise(first, tmp_path / "x.keras")
    assert found == canonicalise(second, second)
    assert found == digest_file(tmp_path / "x.keras")
    assert found == hashlib.sha256(second.read_bytes()).hexdigest()
    assert canonicalise(second, second) == found, "a fixed point"
    with open_archive(second) as archive:
        assert archive.metadata == {"keras_version": "3.15.1", METADATA_KEY: {"recipe": 1}}
        assert "compile_config" not in archive.config
        assert archive.read_asset("assets/layers/lookup/v.txt") == b"a"
        paths = [entry.path for entry in archive.weights.entries]
        assert not any("optimizer" in path for path in paths)
        assert archive.weights.find("vars").attribute("name") == "model"


def test_a_layer_called_optimizer_keeps_its_weights(tmp_path):
    path = write_keras_file(tmp_path / "m.keras", tensors={
        "layers/odd/optimizer/vars/0": np.zeros(2), "layers/odd/vars/0": np.zeros(2),
    })  # fmt: skip
    before = digest_tensors(path)
    canonicalise(path, path)
    assert digest_tensors(path) == before


def test_damaged_weights_are_not_made_canonical(tmp_path):
    path = dense_model(tmp_path / "m.keras")
    with open_archive(path) as archive:
        offset = archive.weights.tensors[0].offset
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        canonicalise(path, tmp_path / "x.keras")
    assert caught.value.case == "crc"
    assert not (tmp_path / "x.keras").exists()


def test_the_content_digest_knows_bytes_dtypes_shapes_paths_and_the_order_of_keys(tmp_path):
    array = np.arange(6, dtype="i4")

    def digest(config, **tensors):
        path = write_keras_file(tmp_path / "m.keras", tensors=tensors)
        return content_digest(config, digest_tensors(path))

    config = {"a": shared(5), "b": 1}
    base = digest(config, x=array, y=array + 1)
    assert base == digest({"a": shared(9), "b": 1}, y=array + 1, x=array)
    assert base == digest(config, x=array.astype(">i4"), y=array + 1)
    others = [
        digest({"b": 1, "a": shared(5)}, x=array, y=array + 1),
        digest(config, x=array, y=array + 2),
        digest(config, x=array.astype("u4"), y=array + 1),
        digest(config, x=array.reshape(2, 3), y=array + 1),
        digest(config, x=array, z=array + 1),
    ]
    assert len({base, *others}) == len(others) + 1
