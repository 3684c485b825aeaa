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


OF_TENSORFLOW = type(
    "InvalidArgumentError", (Exception,), {"__module__": "tensorflow.python.framework.errors_impl"}
)
NODE = "{{function_node __wrapped__AddV2_device_/job:localhost}} "


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            f"{NODE}Incompatible shapes: [2,16] vs. [17] [Op:AddV2] name: ",
            "shapes (2, 16) and (17,) can't be combined",
        ),
        (
            f"{NODE}Matrix size-incompatible: In[0]: [2,16], In[1]: [17,3] [Op:MatMul] name: ",
            "a matrix of shape (2, 16) can't be multiplied by one of shape (17, 3)",
        ),
        (
            f"{NODE}Input to reshape is a tensor with 32 values, but the requested shape has 48",
            "32 numbers can't be put into a shape that has 48",
        ),
        (
            "ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [2,8] vs. shape[1] = [2,4]",
            "shapes (2, 8) and (2, 4) must be equal at axis 1",
        ),
        (f"{NODE}It was not successful. [Op:Cholesky] name: ", "It was not successful."),
    ],
)  # fmt: skip
def test_operations_of_tensorflow_are_left_out(message: str, expected: str) -> None:
    assert explain(OF_TENSORFLOW(message)) == expected
