"""Advisories about code that a config carries: it is named, refused, and never read as code."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from tests.security.poison import bytecode, pickled, poisoned, turned_into, with_argument


def test_cve_2024_3660_an_inline_lambda_is_refused_and_not_run(attack) -> None:
    """Loaders before Keras 2.13 ran the bytecode of a Lambda that a model file carried."""
    poisoned(attack.folder / "a.keras", turned_into("Lambda", function=bytecode(attack.canary)))
    attack.refused("a.keras", "CMP530", "layer 'd1' (Lambda)", "trust: true")
    inspected = attack.run("a.keras")["inspect"]
    assert inspected.code == 0
    assert "layer 'd1' (Lambda) carries Python code as bytes" in inspected.out


@pytest.mark.parametrize("module", ["keras.layers", "__main__", None])
def test_cve_2024_3660_the_bare_code_of_keras_2_is_refused_too(attack, module) -> None:
    code = [bytecode(attack.canary)["config"]["code"], None, None]
    edit = turned_into("Lambda", module, function=code, function_type="lambda")
    poisoned(attack.folder / "a.keras", edit)
    attack.refused("a.keras", "CMP530", "layer 'd1' (Lambda)")


@pytest.mark.parametrize("wrapper", ["TimeDistributed", "Bidirectional", "Wrapper"])
def test_cve_2026_12481_a_lambda_inside_another_layer_is_refused_all_the_same(
    attack, wrapper
) -> None:
    """Up to Keras 3.14.0 ``Lambda.from_config`` outside of a safe mode scope ran the bytecode.

    Wrappers, ``clone_model`` and direct calls got there. composer calls no ``from_config`` where
    it links, and looks into wrappers.
    """
    inner = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"name": "evil", "function": bytecode(attack.canary)},
        "registered_name": None,
    }
    poisoned(attack.folder / "a.keras", turned_into(wrapper, layer=inner))
    attack.refused("a.keras", "CMP530", "layer 'd1/evil' (Lambda)")


@pytest.mark.parametrize("argument", ["activation", "kernel_initializer", "dtype", "unheard_of"])
def test_bytecode_in_any_argument_of_any_layer_is_refused(attack, argument) -> None:
    edit = with_argument(argument, {"deep": [bytecode(attack.canary)]})
    poisoned(attack.folder / "a.keras", edit)
    attack.refused("a.keras", "CMP530", "layer 'd1' (Dense)")


@pytest.mark.parametrize("module", ["keras.layers", "keras.src.utils.torch_utils"])
def test_cve_2025_49655_a_pickled_torch_module_is_refused_and_not_unpickled(attack, module) -> None:
    """Keras 3.11.0 to 3.11.2 unpickled the module of a TorchModuleWrapper, in safe mode too."""
    edit = turned_into("TorchModuleWrapper", module, torch_module=pickled(attack.canary))
    poisoned(attack.folder / "a.keras", edit)
    code = "CMP530" if module == "keras.layers" else "CMP531"
    attack.refused("a.keras", code, "layer 'd1' (TorchModuleWrapper)")


@pytest.mark.parametrize("keras_version", ["2.15.0", "3.10.0"])
def test_cve_2025_9905_safe_mode_does_not_depend_on_the_kind_of_file(attack, keras_version) -> None:
    """Before Keras 3.11.3 ``safe_mode`` was ignored for ``.h5`` files, whose Lambdas ran."""
    function = bytecode(attack.canary)
    if keras_version.startswith("2"):
        function = [function["config"]["code"], None, None]
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 3]}},
        {"class_name": "Lambda", "config": {"name": "evil", "function": function}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    with h5py.File(attack.folder / "a.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = keras_version
        file.attrs["backend"] = "tensorflow"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"x", b"evil"])
        for name in ("x", "evil"):
            group.create_group(name).attrs["weight_names"] = np.array([], "S1")
    for keys in ("", ", trust: true"):  # bytecode of an old file is of an old Python
        attack.refused("a.h5", "CMP520", "'evil'", "Lambda", keys=keys)


def test_a_code_carrying_layer_that_stays_behind_is_no_danger(attack) -> None:
    """It never gets into the result, and nothing of a source is run."""
    poisoned(attack.folder / "a.keras", turned_into("Lambda", function=bytecode(attack.canary)))
    ends = attack.run("a.keras", ", exclude: [d1, d2], trust: false")
    assert ends["validate"].code == 1  # nothing is left to put out
    assert "CMP530" not in ends["validate"].err
