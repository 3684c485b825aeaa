"""The shapes of an EinsumDense's kernel and bias, by its equation."""

from __future__ import annotations

import re

from composer.graphs.graph import Json
from composer.graphs.layer_needs import Dimension, Shape

_FORMS = (
    re.compile("([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)"),
    re.compile("0([a-zA-Z]+),([a-zA-Z]+)->0([a-zA-Z]+)"),
    re.compile("([a-zA-Z]{2,})0,([a-zA-Z]+)->([a-zA-Z]+)0"),
)
_LEFT = 1


def einsum_shapes(
    equation: str, bias_axes: str | None, given: Shape | None, output_shape: Json
) -> tuple[Shape, Shape | None]:
    """Return the shapes of kernel and bias.

    Mirrors ``_analyze_einsum_string`` of ``keras/src/layers/core/einsum_dense.py``.

    Args:
        equation: such as ``"...ab,bc->...ac"``.
        bias_axes: the output's axes that have a bias; None for no bias.
        given: the shape of the input; None where it is not known.
        output_shape: the argument of the layer, without the batch dimension.

    Raises:
        ValueError, KeyError, IndexError: Keras would not make such a layer.
    """
    text = equation.replace("...", "0")
    matches = [form.match(text) for form in _FORMS]
    number = next((index for index, match in enumerate(matches) if match is not None), None)
    match = None if number is None else matches[number]
    if match is None:
        raise ValueError(equation)
    source, weight, target = match.groups()
    left = number == _LEFT
    # Without a shape, the axes that the equation leaves out are unknown and not asked for.
    elided = len(given) - len(source) if given is not None else int(left)
    shape: Shape = given if given is not None else (None,) * (len(source) + elided)
    output: list[Dimension] = (
        [output_shape] if isinstance(output_shape, int) else list(output_shape)
    )
    output.insert(0, shape[0])
    if elided > 0 and left:
        for axis in range(1, elided):
            output.insert(1, shape[axis])
    elif elided > 0:
        output.extend(shape[len(shape) - elided :])
    shift = elided if left else 0
    sizes_in = {name: shape[axis + shift] for axis, name in enumerate(source)}
    sizes_out = {name: output[axis + shift] for axis, name in enumerate(target)}
    kernel = tuple(sizes_out[name] if name in sizes_out else sizes_in[name] for name in weight)
    if bias_axes is None:
        return kernel, None
    begins = min(target.index(name) for name in bias_axes)
    bias = [sizes_out[name] if name in bias_axes else 1 for name in target[begins:]]
    if not left:
        bias.extend([1] * max(elided, 0))
    if given is None and number:
        return kernel, None
    return kernel, tuple(bias)
