"""Tensors of a plan that are no copies: written, checked, keyed, and loaded by Keras."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from composer.container.archive import opened_weights
from composer.container.digests import digest_tensors
from composer.container.hdf5_read import open_weights
from composer.difference.comparable import view_of_model, view_of_plan
from composer.errors import BuildError, DriftError
from composer.linker.build import build_plan
from composer.linker.check_artifact import check_artifact, check_weights
from composer.linker.linker import content_key, link_weights, result_key
from composer.model_files.read_model import read_model
from composer.resolver.plan import SourceState
from composer.store import Store
from composer.tensors.expression import Cast, Stored, Zeros, cast, lineage, merge, take
from composer.tensors.merge_method import merge_method
from composer.workflows.pipeline import prepare
from composer.workflows.verification import verify_artifact
from tests.tensors import sources
from tests.tensors.test_evaluate import made_array

LINEAR = merge_method("linear")
STATES = {"h": SourceState(content="0" * 64)}
SPEC = "version: 1\nname: m\nsources: {h: {from: head.keras, prefix: h_}}\n"


@pytest.fixture
def plan(models, tmp_path):
    shutil.copy(models / "head.keras", tmp_path / "head.keras")
    return planned(tmp_path)


def planned(folder):
    (folder / "spec.yaml").write_text(SPEC)
    found = prepare(folder / "spec.yaml", store=Store(folder / "store")).plan
    assert found is not None
    return found


def changed(plan, change):
    """Return a plan with other tensors; ``change`` takes a layer's name, a path and a value."""
    states = tuple(
        replace(
            state,
            tensors=tuple(
                replace(tensor, value=change(state.name, tensor.path, tensor.value))
                for tensor in state.tensors
            ),
        )
        for state in plan.states
    )
    return replace(plan, states=states)


def configured(plan, change):
    """Return a plan with other configs; ``change`` takes a layer's name and its config."""
    operations = tuple(
        replace(operation, config={**operation.config, **change(operation.name)})
        for operation in plan.graph.operations
    )
    return replace(plan, graph=replace(plan.graph, operations=operations))


def in_bfloat16(plan):
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "bfloat16"},
        "registered_name": None,
    }
    other = changed(plan, lambda layer, path, value: cast(value, "bfloat16"))
    return configured(other, lambda name: {"dtype": policy} if name != "h_features" else {})


def one_score(plan):
    """Return a plan that keeps the second of two scores."""
    other = changed(
        plan,
        lambda layer, path, value: (
            take(value, len(value.shape) - 1, [1]) if layer == "h_scores" else value
        ),
    )
    return configured(other, lambda name: {"units": 1} if name == "h_scores" else {})


def test_a_plain_plan_copies_every_tensor(plan):
    assert all(isinstance(value, Stored) for value in plan.tensors.values())
    sizes = [(value.size, value.nbytes) for value in plan.tensors.values()]
    assert (plan.parameters, plan.nbytes) == tuple(map(sum, zip(*sizes, strict=True)))


def test_another_dtype_is_written_and_checked(plan, tmp_path):
    target = tmp_path / "m.keras"
    build_plan(in_bfloat16(plan), STATES, target)
    found, before = digest_tensors(target), read_model(tmp_path / "head.keras")
    assert {digest.dtype for digest in found.values()} == {"bfloat16"}
    for path, value in plan.tensors.items():
        array = made_array(value).astype(ml_dtypes.bfloat16)
        tensor = read_model(target).listing.tensor(path).tensor
        assert (tensor.shape, tensor.dtype) == (value.shape, "|V2")
        assert tensor.attributes == (("dtype", "bfloat16"),)
        with opened_weights(target) as weights:
            assert weights.read(tensor) == array.tobytes()
    assert len(found) == len(before.listing.tensors)


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")
def test_keras_loads_what_was_cast_and_taken(plan, tmp_path):
    import keras

    plain = keras.saving.load_model(tmp_path / "head.keras")
    data = np.random.default_rng(0).normal(size=(5, 4)).astype("f4")

    build_plan(in_bfloat16(plan), STATES, tmp_path / "cast.keras")
    narrow = keras.saving.load_model(tmp_path / "cast.keras")
    for ours, theirs in zip(narrow.variables, plain.variables, strict=True):
        assert ours.dtype == "bfloat16"
        expected = np.asarray(theirs).astype(ml_dtypes.bfloat16)
        assert np.array_equal(np.asarray(keras.ops.cast(ours, "float32")), expected.astype("f4"))

    build_plan(one_score(plan), STATES, tmp_path / "taken.keras")
    one = keras.saving.load_model(tmp_path / "taken.keras")
    kernel, bias = (np.asarray(variable) for variable in plain.variables[-2:])
    assert np.array_equal(one.variables[-2], kernel[:, 1:])
    assert np.array_equal(one.variables[-1], bias[1:])
    assert np.allclose(one(data), np.asarray(plain(data))[:, 1:], atol=1e-6)

    for name, other in (("cast", in_bfloat16(plan)), ("taken", one_score(plan))):
        report = verify_artifact(tmp_path / f"{name}.keras", replace(other, wholes=()))
        assert [check.state for check in report.checks if check.state != "ok"] == []
        assert "plan" in {check.name for check in report.checks}


def test_weights_alone_are_computed_too(plan, tmp_path):
    other = one_score(in_bfloat16(plan))
    computed = link_weights(other, tmp_path / "m.weights.h5")
    check_weights(tmp_path / "m.weights.h5", other, computed)
    with open_weights(tmp_path / "m.weights.h5") as weights:
        shapes = {tensor.path: tensor.shape for tensor in weights.tensors}
    assert shapes == {path: value.shape for path, value in other.tensors.items()}
    assert (8, 1) in shapes.values()


def test_a_computed_tensor_that_differs_is_noticed(plan, tmp_path):
    target = tmp_path / "m.keras"
    other = in_bfloat16(plan)
    build_plan(other, STATES, target)
    right = digest_tensors(target)
    check_artifact(target, other, right)
    with pytest.raises(DriftError):
        check_artifact(target, other, {})
    tensor = read_model(target).listing.tensors[0]
    with target.open("r+b") as file:
        file.seek(tensor.offset)
        byte = file.read(1)
        file.seek(tensor.offset)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(DriftError) as caught:
        check_artifact(target, other, right)
    assert tensor.path in caught.value.message


def test_a_tensor_of_which_the_file_has_no_place_is_noticed(plan, tmp_path):
    extra = replace(plan.states[-1].tensors[0], path="vars/7")
    last = replace(plan.states[-1], tensors=(*plan.states[-1].tensors, extra))
    with pytest.raises(DriftError) as caught:
        build_plan(replace(plan, states=(*plan.states[:-1], last)), STATES, tmp_path / "m.keras")
    assert "vars/7" in caught.value.message
    assert not (tmp_path / "m.keras").exists()


def test_a_value_that_does_not_fit_leaves_nothing_behind(plan, tmp_path):
    large = sources.one(tmp_path / "large.h5", np.array([1, 1e6], "f4"))
    other = changed(
        plan,
        lambda layer, path, value: Cast(large, "float16") if value.shape == (2,) else value,
    )
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BuildError) as caught:
        build_plan(other, STATES, tmp_path / "m.keras")
    assert caught.value.code == "CMP546"
    assert caught.value.fields["tensor"] in other.tensors
    assert sorted(tmp_path.iterdir()) == before


def test_a_tensor_may_come_from_a_plain_weights_file(plan, tmp_path):
    bias = sources.one(tmp_path / "bias.h5", np.array([1, 2], "f4"), "compressed")
    other = changed(
        plan,
        lambda layer, _, value: (
            cast(merge(LINEAR, [value, bias], {}), "float32") if value.shape == (2,) else value
        ),
    )
    target = tmp_path / "m.keras"
    build_plan(other, STATES, target)
    (path,) = (path for path, value in other.tensors.items() if value.shape == (2,))
    before = made_array(plan.tensors[path]).astype(float)
    listing = read_model(target).listing
    found = made_array(Stored(listing.tensor(path)))
    assert found.tolist() == ((before + np.array([1, 2])) / 2).astype("f4").tolist()


def test_a_plan_reads_and_may_not_replace_the_files_of_its_expressions(plan, tmp_path):
    path = tmp_path / "bias.keras"
    bias = sources.one(path, np.array([1, 2], "f4"))
    assert path not in plan.read_files
    other = changed(
        plan, lambda layer, _, value: Cast(bias, "float16") if value.shape == (2,) else value
    )
    assert path in other.read_files
    assert bias.source in lineage(next(v for v in other.tensors.values() if v.shape == (2,)))
    with pytest.raises(BuildError) as caught:
        build_plan(other, STATES, path)
    assert caught.value.code == "CMP709"


def test_keys_follow_the_expressions_and_not_the_place(plan, models, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(models / "head.keras", elsewhere / "head.keras")
    plans = [
        plan,
        in_bfloat16(plan),
        one_score(plan),
        changed(plan, lambda _, __, value: Zeros(shape=value.shape, dtype="float32")),
        changed(plan, lambda _, __, value: cast(merge(LINEAR, [value], {}), "float32")),
    ]
    for key in (content_key, result_key):
        keys = [key(one, STATES, digest) for one in plans]
        assert len(set(keys)) == len(plans)
        assert key(planned(elsewhere), STATES, digest) == keys[0]
        assert key(plan, STATES, lambda path: "another file") != keys[0]


def digest(path: Path) -> str:
    return f"bytes of {path.name}"


def test_a_plan_and_what_it_becomes_have_equal_values(plan, tmp_path):
    other = in_bfloat16(plan)
    build_plan(other, STATES, tmp_path / "m.keras")
    ours = view_of_plan(other, "plan")
    theirs = view_of_model(read_model(tmp_path / "m.keras"), "file", {})
    compared = 0
    for name, layer in ours.layers.items():
        for one, same in zip(layer.weights or (), theirs.layers[name].weights or (), strict=True):
            assert one.values.equal(one.tensor, same.values, same.tensor)
            compared += 1
    assert compared == len(other.tensors)
