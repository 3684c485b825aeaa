"""Cases about help: what a message suggests works when it is applied as it is printed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cases.case_tools import numbers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


def merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {**one, **{key: merged(one.get(key), value) for key, value in other.items()}}


def applied(spec: str, help_: str) -> str:
    """Return a spec with the lines of a help that are written as a spec is."""
    found = yaml.safe_load(spec)
    for line in help_.split("\n"):
        if line.startswith("  "):
            found = merged(found, yaml.safe_load(line))
    return yaml.safe_dump(found, sort_keys=False)


@pytest.mark.parametrize(("shape", "layer"), [((8, 8, 4), "Dense"), ((10, 10, 3), "Resizing")])
def test_case_49_another_image_into_a_kept_rescaling(case, shape, layer):
    import keras

    def net():
        x = keras.Input((8, 8, 3), name="x")
        y = keras.layers.Rescaling(1 / 255, name="rescale")(x)
        y = keras.layers.Conv2D(4, 3, name="conv")(y)
        return keras.Model(x, keras.layers.Dense(2, name="top")(keras.layers.Flatten()(y)))

    case.save("net", net)
    spec = (
        f"inputs: {{x: {{shape: {list(shape)}}}}}\nsources: {{n: {{from: net.keras, inputs: x}}}}"
    )
    found = case._prepare(spec, deep=True).errors
    assert {problem.code for problem in found} == {"CMP413"}
    (help_,) = {problem.help for problem in found}
    built = case.build(applied(spec, help_), deep=True)
    assert layer in {type(made).__name__ for made in built.layers}
    assert built(numbers(1, *shape)).shape == (1, 2)
