"""SavedModel folders that hold a program alone, as one layer of a SavedModel."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from composer.errors import SpecError
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare
from tests.cases.case_tools import saved_by

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

JOINED = """
inputs: {image: {shape: [4]}}
sources:
  one: {from: ./one, trust: true, prefix: p_, inputs: image}
  two: {from: ./two, trust: true, nested: both, inputs: {left: image, right: one}}
  words: {from: ./words, trust: true, args: {signature: look_up}}
layers:
  head: {class: Dense, args: {units: 2}, inputs: "two:both#0.1"}
outputs: {head: head, doubled: "two:both#0.0", vector: words}
output: {path: result, format: saved_model}
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return saved_by("export_programs.py", tmp_path_factory.mktemp("programs"))


@pytest.fixture
def programs(case, exported):
    """A case whose folder holds the exported programs."""
    shutil.copytree(exported, case.folder, dirs_exist_ok=True)
    return case


def only(case, spec, *, deep=False):
    (error,) = case._prepare(spec, deep=deep).errors
    return error


def test_programs_are_joined_with_each_other_and_new_layers_and_leave_their_folders(programs):
    import numpy as np
    import tensorflow as tf

    case = programs
    waiting = case._prepare(JOINED, deep=False)
    assert not waiting.errors
    assert "one" in waiting.unchecked.imports
    prepared = case._prepare(JOINED, deep=True)
    assert not prepared.diagnostics
    (planned, *_) = prepared.plan.sources
    assert planned.trusted
    assert planned.allowed == (
        "layer 'one/program' (SavedProgram) runs the TensorFlow program of a SavedModel folder",
    )
    first = build_spec(prepared).files[0]
    assert first.comparison.equal
    moved = case.folder / "moved"
    moved.mkdir()
    image = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    for name in ("one", "two", "words"):
        (case.folder / name).rename(moved / name)
    result = tf.saved_model.load(str(first.path))
    found = result.signatures["serving_default"](
        image=tf.constant(image), word=tf.constant(["b", "unknown"])
    )
    sources = [tf.saved_model.load(str(moved / name)) for name in ("one", "two")]
    one = sources[0].serve(image)
    two = sources[1].serve([image, one])
    head = {v.name: v for v in result.variables}
    wanted = two["total"] @ head["head/kernel:0"] + head["head/bias:0"]
    assert np.array_equal(found["doubled"], two["right"])
    assert np.allclose(found["head"], wanted, atol=1e-6)
    assert np.array_equal(found["vector"], [[3.0, 4.0], [5.0, 6.0]])
    texts = [file.read_bytes() for file in first.path.rglob("*") if file.is_file()]
    assert not any(str(case.folder).encode() in text for text in texts)
    # What was imported is remembered, and the same again from folders at another place.
    shutil.copytree(moved, case.folder / "elsewhere")
    path = case.folder / "elsewhere" / "spec.yaml"
    path.write_text((case.folder / "spec.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    again = prepare(path, store=case.store)
    assert again.plan is not None
    assert not again.unchecked.imports
    assert build_spec(again).files[0].sha256 == first.sha256


def test_a_program_that_is_not_trusted_is_refused_with_both_ways_out(programs):
    error = only(programs, "sources: {it: {from: ./one}}\noutput: {format: saved_model}")
    assert error.code == "CMP527"
    assert "model.save('one.keras')" in error.help
    assert "trust: true, with output: {format: saved_model}" in error.help


@pytest.mark.parametrize("formats", ["keras", "[saved_model, onnx]"])
def test_a_program_goes_into_no_other_format(programs, formats):
    spec = f"sources: {{it: {{from: ./one, trust: true}}}}\noutput: {{format: {formats}}}"
    error = only(programs, spec)
    assert error.code == "CMP528"
    assert error.span.line == 3
    assert "output: {format: saved_model}" in error.help


def test_a_format_that_the_command_line_asks_for_is_held_against_programs_too(programs):
    spec = "sources: {it: {from: ./one, trust: true}}\noutput: {format: saved_model}"
    prepared = programs._prepare(spec, deep=True)
    assert not prepared.errors
    target = programs.folder / "out.keras"
    with pytest.raises(SpecError) as raised:
        build_spec(prepared, output=target)
    assert [found.code for found in raised.value.diagnostics] == ["CMP528"]
    assert not target.exists()


def test_a_spec_with_a_program_is_no_source_of_another(programs):
    (programs.folder / "inner.yaml").write_text(
        "version: 1\nname: inner\nsources: {it: {from: ./one, trust: true}}\n"
        "output: {format: saved_model}",
        encoding="utf-8",
    )
    spec = "sources: {out: {from: inner.yaml}}\noutput: {format: saved_model}"
    error = only(programs, spec)
    assert error.code == "CMP528"
    assert error.fields["its_location"] == "./one"


@pytest.mark.parametrize(
    "key", ["include: ['*']", "exclude: [dense]", "freeze: ['*']", "flatten: true", "weights: a.h5"]
)
def test_a_program_has_no_layers_to_name(programs, key):
    spec = f"sources: {{it: {{from: ./one, trust: true, {key}}}}}\noutput: {{format: saved_model}}"
    error = only(programs, spec)
    assert error.code == "CMP529"
    assert (error.case, error.fields["name"]) == ("program-key", key.partition(":")[0])


def test_a_signature_that_is_not_there_or_takes_any_shape_is_refused(programs):
    spec = "sources: {{it: {{from: ./words, trust: true, {}}}}}\noutput: {{format: saved_model}}"
    error = only(programs, spec.format("args: {signature: lookup}"), deep=True)
    assert error.code == "CMP529"
    assert (error.case, error.fields["signature"]) == ("signature", "lookup")
    assert "did you mean 'look_up'?" in error.help
    error = only(programs, spec.format("args: {}"), deep=True)
    assert error.case == "no-rank"
    assert only(programs, spec.format("args: {name: x}")).code == "CMP505"


def test_the_sha256_of_a_program_is_that_of_its_files(programs):
    spec = (
        "sources: {{it: {{from: ./one, trust: true, sha256: {}}}}}\noutput: {{format: saved_model}}"
    )
    error = only(programs, spec.format("a" * 64))
    assert error.code == "CMP503"
    found = str(error.fields["found"])
    assert not programs._prepare(spec.format(found), deep=False).errors


def test_a_subclassed_model_of_keras_2_goes_in_as_a_program_where_it_is_trusted(case):
    import tensorflow as tf

    script = """
import os, sys, numpy as np, tf_keras as keras
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)
    def call(self, x):
        return self.dense(x) * 2
net = Net()
net(np.ones((1, 3), "float32"))
net.save(sys.argv[1], save_format="tf")
"""
    net = case.folder / "net"
    done = subprocess.run(
        [sys.executable, "-c", script, str(net)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refused = only(case, "sources: {it: {from: ./net}}\noutput: {format: saved_model}")
    assert refused.code == "CMP526"
    assert "trust: true, with output: {format: saved_model}" in refused.help
    spec = "sources: {it: {from: ./net, trust: true}}\noutput: {path: out, format: saved_model}"
    built = build_spec(case._prepare(spec, deep=True)).files[0]
    given = tf.constant([[1.0, -2.0, 0.5]])
    result, source = tf.saved_model.load(str(built.path)), tf.saved_model.load(str(net))
    (found,) = result.signatures["serving_default"](given).values()
    (wanted,) = source.signatures["serving_default"](given).values()
    assert found.numpy().tobytes() == wanted.numpy().tobytes()
