"""Functions of the user's own code as sources: run once, again when the code changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from composer.errors import SourceError
from composer.keras_process.imports import find_model, import_model
from composer.sources.kinds.py import code_recipe
from composer.store import Store

PARTS = "import keras\n\ndef block(x):\n    return keras.layers.Dense({width}, name='block')(x)\n"
TOWERS = """
import os, sys
import keras
import numpy
from nets.parts import block

print("talk that belongs to nobody")
numpy.random.rand()

def make(units):
    features = keras.Input((4,), name="features")
    return keras.Model(features, keras.layers.Dense(units, name="top")(block(features)))

def fails(units):
    return deeper(units)

def deeper(units):
    raise KeyError("no such unit")

def leaves():
    sys.exit("enough")

def nothing():
    pass

def several():
    return make(1), make(2)

def unbuilt():
    return keras.Sequential([keras.layers.Dense(2)])

class Odd(keras.layers.Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return x

def unsavable():
    features = keras.Input((4,), name="features")
    return keras.Model(features, Odd(object(), name="odd")(features))

class Unregistered(keras.layers.Layer):
    def call(self, x):
        return x

def unregistered():
    inner = keras.Sequential([keras.Input((4,)), Unregistered(name="mine")], name="inner")
    features = keras.Input((4,), name="features")
    return keras.Model(features, inner(features))

@keras.saving.register_keras_serializable()
class Forgetful(keras.layers.Layer):
    def call(self, x):
        return x

    def get_config(self):
        return {**super().get_config(), "extra": 1}

def forgetful():
    features = keras.Input((4,), name="features")
    return keras.Model(features, Forgetful(name="odd")(features))

def needs():
    import not_installed_anywhere

def from_file(path):
    return make(int(open(path).read()))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    nets = tmp_path / "spec" / "nets"
    nets.mkdir(parents=True)
    (nets / "__init__.py").touch()
    (nets / "parts.py").write_text(PARTS.format(width=3), encoding="utf-8")
    (nets / "towers.py").write_text(TOWERS, encoding="utf-8")
    return nets.parent


def refused(folder: Path, function: str, **args: Any) -> SourceError:
    recipe = code_recipe(f"nets.towers:{function}", args, 1, directory=folder)
    with pytest.raises(SourceError) as caught:
        import_model(recipe, Store(folder.parent / "store"))
    return caught.value


@pytest.mark.keras
def test_a_function_runs_once_gives_the_same_in_another_process_and_again_when_a_helper_changes(
    folder: Path, tmp_path: Path
) -> None:
    def recipe(seed: int = 1):
        return code_recipe("nets.towers:make", {"units": 2}, seed, directory=folder)

    store, other = Store(tmp_path / "store"), Store(tmp_path / "other")
    digest = import_model(recipe(), store)
    assert import_model(recipe(), store, timeout=0) == digest  # known, so nothing is started
    assert import_model(recipe(), other) == digest
    assert find_model(recipe(seed=2), store) is None
    assert not any(folder.rglob("__pycache__"))

    helper = folder / "nets" / "parts.py"
    before = helper.stat()
    helper.write_text(PARTS.format(width=5), encoding="utf-8")
    # Same size and time: what Python itself goes by does not tell the two apart.
    os.utime(helper, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_model(recipe(), store) is None
    assert import_model(recipe(), store) != digest
    helper.write_text(PARTS.format(width=3), encoding="utf-8")
    assert find_model(recipe(), store) == digest


@pytest.mark.keras
def test_stale_bytecode_is_never_taken_for_the_code(folder: Path, tmp_path: Path) -> None:
    import py_compile

    helper = folder / "nets" / "parts.py"
    stamp = helper.stat().st_mtime_ns
    py_compile.compile(str(helper))
    helper.write_text(PARTS.format(width=5), encoding="utf-8")
    os.utime(helper, ns=(stamp, stamp))
    store = Store(tmp_path / "store")
    recipe = code_recipe("nets.towers:make", {"units": 2}, 1, directory=folder)
    path = store.object_path(import_model(recipe, store))
    assert path is not None
    from composer.model_files.read_model import read_model

    (block,) = [op for op in read_model(path).graph.operations if op.name == "block"]
    assert block.config["units"] == 5


@pytest.mark.keras
def test_what_a_function_raises_is_shown_with_the_last_line_of_its_own(folder: Path) -> None:
    error = refused(folder, "fails", units=1)
    line = TOWERS.splitlines().index('    raise KeyError("no such unit")') + 1
    assert error.code == "CMP516"
    assert error.fields == {
        "what": "nets.towers:fails",
        "reason": f"KeyError: 'no such unit' (nets/towers.py:{line})",
    }


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "message", "help_"),
    [
        ("leaves", "SystemExit: enough", None),
        ("nothing", "nothing (None)", "return statement"),
        ("several", "a tuple of 2", "return the model alone"),
        ("unbuilt", "Sequential", "keras.Input"),
        ("unsavable", "layer 'odd'", "get_config()"),
        (
            "unregistered",
            "'mine' (nets.towers.Unregistered): it is not registered",
            "@keras.saving",
        ),
        ("forgetful", "'odd' (nets.towers.Forgetful): Unrecognized keyword", "get_config()"),
        ("needs", "No module named 'not_installed_anywhere'", "not_installed_anywhere"),
    ],
)
def test_a_function_that_gives_no_model_is_refused_in_words(
    folder: Path, function: str, message: str, help_: str | None
) -> None:
    error = refused(folder, function)
    assert error.code == "CMP516"
    assert message in error.message
    assert (help_ is None and error.help is None) or (help_ or "") in (error.help or "")


@pytest.mark.keras
def test_relative_paths_belong_to_the_folder_of_the_spec(folder: Path, tmp_path: Path) -> None:
    (folder / "units.txt").write_text("3")
    store = Store(tmp_path / "store")
    recipe = code_recipe("nets.towers:from_file", {"path": "units.txt"}, 1, directory=folder)
    made = code_recipe("nets.towers:make", {"units": 3}, 1, directory=folder)
    assert import_model(recipe, store) == import_model(made, store)


@pytest.mark.keras
def test_a_module_whose_name_is_taken_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "tensorflow.py").write_text("def make(): ...\n", encoding="utf-8")
    recipe = code_recipe("tensorflow:make", {}, 1, directory=folder)
    with pytest.raises(SourceError) as caught:
        import_model(recipe, Store(tmp_path / "store"))
    assert caught.value.code == "CMP515"


@pytest.mark.parametrize(
    ("target", "help_"),
    [
        ("nets/towers.py:make", "nets.towers:make"),
        ("./nets/towers.py:make()", "nets.towers:make"),
        ("nets.towers.make", "nets.towers:make"),
        ("", "my_models:make"),
        ("nets:", "my_models:make"),
        ("a:b:c", "my_models:make"),
    ],
)
def test_a_malformed_target_is_refused_with_one_that_is_right(
    target: str, help_: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError) as caught:
        code_recipe(target, {}, 0, directory=tmp_path)
    assert caught.value.code == "CMP515"
    assert help_ in (caught.value.help or "")


def test_a_missing_module_is_refused_with_the_nearest(folder: Path) -> None:
    with pytest.raises(SourceError) as caught:
        code_recipe("nets.tower:make", {}, 0, directory=folder)
    assert caught.value.fields["name"] == "nets.tower"
    assert caught.value.nearest == ("nets.towers",)
    with pytest.raises(SourceError) as caught:
        code_recipe("net.towers:make", {}, 0, directory=folder)
    assert caught.value.fields["name"] == "net"
    assert caught.value.nearest == ("nets",)
    with pytest.raises(SourceError) as caught:
        code_recipe("math:sqrt", {}, 0, directory=folder)
    assert caught.value.key == "CMP515.no-file"
