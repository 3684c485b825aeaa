"""Case 47: wrong arguments of new layers are told by ``validate``, at the argument, without Keras."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """\
version: 1
name: model
inputs: {{x: {{shape: [16, 16, 3]}}}}
layers:
  new: {{class: {class_name}, args: {{{args}}}, inputs: x}}
"""


@pytest.mark.parametrize(
    ("class_name", "args", "code", "under"),
    [
        ("Dense", "units: 4, activaton: relu", "CMP224", "activaton"),
        ("Dense", 'units: "5"', "CMP226", '"5"'),
        ("Dense", "units: -5", "CMP228", "-5"),
        ("Dense", "units: 4, activation: sofmax", "CMP227", "sofmax"),
        ("Dense", "units: 4, kernel_initializer: he_normall", "CMP227", "he_normall"),
        ("Rescaling", "scale: 1/255", "CMP226", "1/255"),
        ("MaxPooling2D", "padding: sam", "CMP227", "sam"),
        ("BatchNormalization", "momentum: 9", "CMP228", "9"),
    ],
)  # fmt: skip
def test_case_47_an_argument_that_keras_refuses_or_swallows_is_an_error(
    class_name, args, code, under, tmp_path: Path
):
    spec = tmp_path / "spec.yaml"
    text = SPEC.format(class_name=class_name, args=args)
    spec.write_text(text)
    program = (
        "import sys; from composer.workflows.pipeline import prepare; "
        f"found = prepare({str(spec)!r}).diagnostics; "
        "print([(d.code, d.span.line, d.span.column) for d in found]); "
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    column = text.split("\n")[4].index(under) + 1
    assert done.stdout.strip() == str([(code, 5, column)])
