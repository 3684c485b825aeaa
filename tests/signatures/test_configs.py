"""No false refusal: what Keras itself writes into configs is right by the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from composer.signatures import layer_names, signature_of
from composer.signatures.check_arguments import check_arguments, check_call
from composer.signatures.together import conflicts
from tests.signatures.samples import UNMADE, inputs, required

ROOT = Path(__file__).parents[2]


def test_the_samples_of_every_class_are_right():
    for name in layer_names():
        signature = signature_of(name)
        if signature.class_name in UNMADE:
            continue
        needed = tuple(argument.name for argument in signature.arguments if argument.required)
        arguments = required(signature.class_name, needed)
        assert check_arguments(signature, arguments) == (), name
        assert conflicts(signature, arguments) == (), name
        called_on = inputs(signature.class_name)
        named = tuple(called_on) if isinstance(called_on, dict) else ()
        assert check_call(signature, {}, named) == (), name


@pytest.mark.slow
def test_the_configs_that_keras_writes_are_right():
    done = subprocess.run(
        [sys.executable, "-m", "tests.signatures.configs_of_keras"],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
        check=True,
        capture_output=True,
        text=True,
    )
    seen = set()
    for line in dict.fromkeys(done.stdout.splitlines()):
        class_name, config = json.loads(line)
        signature = signature_of(class_name)
        if signature is None:
            continue
        config.pop("name", None)
        faults = check_arguments(signature, config)
        assert [(f.kind, f.path, f.value) for f in faults] == [], class_name
        # A config of Discretization holds what it was given and what it came to.
        assert class_name == "Discretization" or conflicts(signature, config) == (), class_name
        seen.add(class_name)
    assert len(seen) > 110
