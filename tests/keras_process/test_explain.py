"""Keras's long messages, shortened to what helps."""

from __future__ import annotations

import pytest

from composer.keras_process.tasks.explain import explain


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (
            ValueError(
                "Exception encountered when calling Conv2D.call().\n\n"
                "\x1b[1mInput 0 is incompatible with the layer: got "
                "<KerasTensor shape=(None, 4), dtype=float32, sparse=False, name=keras_tensor_7>"
                "\x1b[0m\n\nArguments received by Conv2D.call():\n  • inputs=..."
            ),
            "Input 0 is incompatible with the layer: got (None, 4) float32",
        ),
        (
            TypeError(
                "<class 'keras.Dense'> could not be deserialized properly. Please ensure that "
                "components are deserialized.\n\nconfig={'a': 1}.\n\n"
                "Exception encountered: Dense() got an unexpected keyword argument 'a'"
            ),
            "Dense() got an unexpected keyword argument 'a'",
        ),
        (
            TypeError(
                "Error when deserializing class 'Odd' using config={'a': 1}.\n\n"
                "Exception encountered: Unrecognized keyword arguments passed to Odd: {'a': 1}"
            ),
            "Unrecognized keyword arguments passed to Odd: {'a': 1}",
        ),
        (
            TypeError("Could not locate class 'Mine'. Register it. Full object config: {'x': 1}"),
            "Could not locate class 'Mine'. Register it.",
        ),
        (KeyError("units"), "KeyError: 'units'"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (ValueError(), "ValueError"),
        (ValueError("First sentence. " + "long " * 200), "First sentence."),
    ],
)
def test_the_useful_part_of_a_message_remains(problem: Exception, expected: str) -> None:
    assert explain(problem) == expected
