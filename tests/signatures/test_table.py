"""The table of signatures: read without Keras, and equal to what the installed Keras would give."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from composer.signatures import keras_version, layer_names, names_of, signature_of
from composer.signatures.check_arguments import fits

ROOT = Path(__file__).parents[2]


def test_every_class_has_a_signature():
    assert len(layer_names()) == 163
    for name in layer_names():
        signature = signature_of(name)
        assert signature.name == name
        assert all(argument.forms for argument in (*signature.arguments, *signature.call))
        names = [argument.name for argument in signature.arguments]
        assert len(names) == len(set(names)) and "name" not in names


def test_a_signature_tells_names_order_and_defaults():
    dense = signature_of("Dense")
    names = [argument.name for argument in dense.arguments]
    assert names[:3] == ["units", "activation", "use_bias"]
    assert names[-3:] == ["autocast", "input_dim", "input_shape"]
    units, activation = dense.argument("units"), dense.argument("activation")
    assert (units.required, units.default) == (True, None)
    assert (units.forms[0].kind, units.forms[0].minimum) == ("integer", 1)
    assert (activation.required, activation.default, activation.forms[0].of) == (
        False, None, "activation",
    )  # fmt: skip
    assert dense.argument("input_shape").hidden
    assert dense.argument("unts") is None


def test_arguments_that_a_class_gives_its_base_are_none_of_its_own():
    assert signature_of("Conv2D").argument("rank") is None
    assert signature_of("MaxPooling2D").argument("pool_mode") is None
    assert signature_of("LSTM").argument("cell") is None
    assert signature_of("CenterCrop").argument("factor") is None
    assert signature_of("SpatialDropout2D").argument("trainable") is None


def test_an_alias_has_the_signature_of_its_class():
    alias, own = signature_of("Convolution2D"), signature_of("Conv2D")
    assert (alias.name, alias.class_name) == ("Convolution2D", "Conv2D")
    assert alias.arguments == own.arguments
    assert signature_of("GroupQueryAttention").class_name == "GroupedQueryAttention"


def test_the_defaults_of_what_is_left_out_are_filled_in():
    filled = signature_of("Conv2D").filled({"filters": 3, "strides": 2})
    assert (filled["filters"], filled["strides"], filled["padding"]) == (3, 2, "valid")
    assert filled["dilation_rate"] == [1, 1]
    assert "kernel_size" not in filled and "input_shape" not in filled


def test_every_default_is_a_right_value():
    for name in layer_names():
        signature = signature_of(name)
        for argument in (*signature.arguments, *signature.call):
            given = not argument.required and not argument.hidden
            assert not given or fits(argument.forms, argument.default), (name, argument.name)


def test_calls_have_their_arguments_too():
    assert [a.name for a in signature_of("MultiHeadAttention").call][:2] == ["query", "value"]
    assert signature_of("Dense").call_argument("training") is not None
    assert signature_of("Flatten").call_argument("training").hidden
    assert signature_of("Wrapper").open_call and not signature_of("Dense").open_call


def test_what_is_no_class_of_keras_has_none():
    assert signature_of("Dence") is None
    assert signature_of("my_layers:Scale") is None


def test_names_of_objects_are_known():
    assert {"relu", "softmax", "hard_swish"} <= set(names_of("activation"))
    assert "glorot_uniform" in names_of("initializer") and "GlorotUniform" in names_of(
        "initializer"
    )
    assert {"float32", "mixed_bfloat16"} <= set(names_of("dtype"))


def test_reading_the_table_imports_no_keras():
    code = (
        "import sys; from composer.signatures import signature_of; signature_of('Dense');"
        "sys.exit(any(name.split('.')[0] in ('keras', 'tensorflow') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_the_table_is_what_the_installed_keras_gives():
    if importlib.metadata.version("keras") != keras_version():
        pytest.skip(f"the table is of Keras {keras_version()}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.signatures.make_table", "--check"],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, "run python -m tests.signatures.make_table"
