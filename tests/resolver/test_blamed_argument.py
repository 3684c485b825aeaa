"""A refusal of Keras points at the argument that it is about."""

from __future__ import annotations

import pytest

from composer.resolver.blamed_argument import blamed
from composer.spec.model import NewLayer


@pytest.mark.parametrize(
    ("arguments", "error", "place"),
    [
        ({"units": "5"}, "Received an invalid value for `units`, expected", ("args", "units")),
        ({"units": 5, "activatoin": "relu"}, "takes no argument 'activatoin'", ("args", "activatoin")),
        ({"use_bias": True, "units": "-1.5e3"}, "'<=' not supported", ("args", "units")),
        ({"units": 5}, "Could not interpret activation function", ("args",)),
        ({"units": 5}, "Input 0 of layer has an incompatible rank", ()),
        ({"units": 5}, "`unit` is not what was expected", ("args",)),
        ({}, "the class refuses", ()),
    ],
)  # fmt: skip
def test_the_place_is_the_argument_or_all_of_them_or_the_layer(arguments, error, place) -> None:
    layer = NewLayer(id="head", class_name="Dense", args=arguments, calls=())
    assert blamed(layer, error) == ("layers", "head", *place)
