"""The table of what Keras finds by name: that it is the installed Keras's, and how it is asked."""

from __future__ import annotations

import json

import pytest

from composer.graphs.keras_names import is_function, text_kind, unknown_texts
from tests.graphs.make_keras_names import TABLE, names_of_keras


@pytest.mark.keras
def test_the_table_is_that_of_the_installed_keras() -> None:
    assert json.loads(TABLE.read_text(encoding="utf-8")) == names_of_keras(), (
        "run python tests/graphs/make_keras_names.py"
    )


@pytest.mark.keras
def test_keras_takes_what_the_table_holds_and_nothing_else() -> None:
    import keras

    texts = json.loads(TABLE.read_text(encoding="utf-8"))["texts"]
    modules = {kind: getattr(keras, f"{kind}s") for kind in texts}
    for kind, module in modules.items():
        for name in ("foo", "Relu", "glorot", "L3"):
            assert list(unknown_texts({kind: name})) == [(kind, name)]
            with pytest.raises(ValueError, match="Could not interpret"):
                module.get(name)
        for name in texts[kind]:
            assert list(unknown_texts({f"kernel_{kind}": name})) == []
    assert all(callable(modules["activation"].get(name)) for name in texts["activation"])


def test_functions_are_found_where_their_module_is_given() -> None:
    assert is_function("relu", "builtins")
    assert is_function("relu", "keras.ops")
    assert not is_function("relu", "keras.src.activations.activations")
    assert not is_function("abs", "builtins")


def test_only_arguments_that_name_parts_count() -> None:
    assert text_kind("recurrent_activation") == "activation"
    assert text_kind("activity_regularizer") == "regularizer"
    assert text_kind("padding") is None
    assert list(unknown_texts({"padding": "foo", "activation": None, "name": "foo"})) == []
