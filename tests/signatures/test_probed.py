"""What the table refuses, Keras refuses too, or it is known to swallow it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from composer.signatures import signature_of
from tests.signatures.rules import SWALLOWED

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_keras_refuses_what_the_table_refuses():
    done = subprocess.run(
        [sys.executable, "-m", "tests.signatures.probe"],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=600,
        check=True,
        capture_output=True,
        text=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 50
    assert [item for item in found if not is_known(*item)] == []


def is_known(class_name: str, argument_name: str, value: object) -> bool:
    argument = signature_of(class_name).argument(argument_name)
    if any(form.kind == "boolean" for form in argument.forms):
        return True  # Python takes anything for true or false
    if isinstance(value, bool):
        return True  # which counts as 0 or 1 where Keras wants a number
    return argument_name in SWALLOWED
