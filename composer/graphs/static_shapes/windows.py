"""How many places a window has that slides along an axis (``keras/src/ops/operation_utils.py``)."""

from __future__ import annotations

from composer.graphs.static_shapes.called import KerasRefusesError, Shape, shown


def slid(
    shape: Shape,
    windows: tuple[int, ...],
    strides: tuple[int, ...],
    *,
    padding: str,
    argument: str,
) -> Shape:
    """Return the lengths of the axes between batch and channels after a window slid along them.

    Args:
        shape: of the whole tensor, channels last.
        windows: their lengths, dilation counted.
        strides: how far the window goes each time.
        padding: ``valid`` keeps the window inside; with any other it may start at each number.
        argument: that is to blame where a window is longer than its axis.
    """
    lengths: list[int | None] = []
    for axis, (window, stride) in enumerate(zip(windows, strides, strict=True), start=1):
        length = shape[axis]
        if length is None:
            lengths.append(None)
        elif padding == "valid":
            if length < window:
                raise KerasRefusesError(
                    f"slides a window of {window} along axis {axis} of {shown(shape)}, which is "
                    "shorter",
                    argument,
                )
            lengths.append((length - window) // stride + 1)
        else:
            lengths.append((length - 1) // stride + 1)
    return tuple(lengths)
