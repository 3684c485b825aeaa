"""What is read from Keras's source agrees with what Keras offers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from composer.errors import SourceError
from composer.keras_process.applications import (
    application_arguments,
    application_names,
    check_application,
)

FROM_KERAS = """
import inspect, json, keras
print(json.dumps({
    name: list(inspect.signature(value).parameters)
    for name, value in vars(keras.applications).items()
    if inspect.isfunction(value) and name[0].isupper()
}))
"""


@pytest.mark.keras
def test_names_and_arguments_are_those_of_the_installed_keras() -> None:
    output = subprocess.run(
        [sys.executable, "-c", FROM_KERAS], capture_output=True, text=True, check=True
    ).stdout
    expected = json.loads(output.splitlines()[-1])
    read = {name: list(application_arguments(name) or ()) for name in application_names()}
    # Keras hands some constructors on through `**kwargs`; those take what their source says.
    assert read == {name: [a for a in args if a != "kwargs"] for name, args in expected.items()}


def test_a_known_application_and_its_arguments_pass() -> None:
    check_application("ResNet50", {"weights": None, "include_top": False})


def test_a_misspelt_application_is_refused_without_keras() -> None:
    before = set(sys.modules)
    with pytest.raises(
        SourceError, check=lambda error: error.key == "CMP505.unknown-name"
    ) as caught:
        check_application("Resnet5O", {})
    assert caught.value.nearest[0] == "ResNet50"
    assert not {"keras", "tensorflow"} & (set(sys.modules) - before)


def test_a_misspelt_argument_is_refused_without_keras() -> None:
    before = set(sys.modules)
    with pytest.raises(
        SourceError, check=lambda error: error.key == "CMP505.unknown-argument"
    ) as caught:
        check_application("ResNet50", {"includetop": False})
    assert caught.value.nearest == ("include_top",)
    assert not {"keras", "tensorflow"} & (set(sys.modules) - before)
