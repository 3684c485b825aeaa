"""Holds the places of layers that Keras can't make, while it makes the others around them.

A stand-in computes nothing; it has the class name, the outputs and the shapes of the layer. Where
the file does not record the shapes, they are found by trial: with the right ones, the layers
behind have variables of the shapes that the file holds for them. What follows from a shape that
was found so is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, product
from typing import Any, Final

import keras

Shape = tuple[int | None, ...]
_MOST_TRIALS: Final = 96
_RANKS: Final = (2, 3, 4, 5)


def stand_in(hole: Mapping[str, Any], shape: Shape | None) -> type[keras.layers.Layer]:
    """Return a class of layers that holds the place of another.

    Args:
        hole: its ``class``, its number of ``outputs``, and the recorded ``shapes``.
        shape: of all that it puts out where nothing is recorded; None is that of what comes in.
    """

    class StandIn(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self._times = 0

        def call(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
            first = next(
                tensor
                for tensor in keras.tree.flatten((args, kwargs))
                if isinstance(tensor, keras.KerasTensor)
            )
            found = []
            for output in range(hole["outputs"]):
                recorded = hole["shapes"].get(f"{self._times}/{output}")
                if recorded is not None:
                    found.append(keras.KerasTensor(tuple(recorded[0]), dtype=recorded[1]))
                    continue
                given = first.shape if shape is None else (first.shape[0], *shape[1:])
                found.append(keras.KerasTensor(given, dtype=first.dtype))
            self._times += 1
            return found if len(found) > 1 else found[0]

    StandIn.__name__ = StandIn.__qualname__ = str(hole["class"])
    return StandIn


def choices(
    holes: Mapping[str, Mapping[str, Any]], weights: Sequence[Shape]
) -> Iterator[dict[str, Shape | None]]:
    """Yield shapes to try for the holes whose shapes are not recorded, the likeliest first.

    Args:
        holes: by full name.
        weights: shapes of the kernels that the file holds; a last dimension that a layer can take
            is in one of them.
    """
    unknown = [path for path, hole in holes.items() if not hole["shapes"]]
    yield dict.fromkeys(unknown)
    sizes = dict.fromkeys(shape[-2] for shape in weights if len(shape) > 1)
    shapes: list[Shape | None] = [None]
    shapes.extend((*(None,) * (rank - 1), size) for rank in _RANKS for size in sizes)
    known = dict.fromkeys(unknown)
    one_by_one = ({**known, path: shape} for path in unknown for shape in shapes[1:])
    if len(unknown) < 2:  # noqa: PLR2004
        yield from islice(one_by_one, _MOST_TRIALS)
        return
    alike = (dict.fromkeys(unknown, shape) for shape in shapes[1:])
    mixed = (
        dict(zip(unknown, chosen, strict=True))
        for chosen in product(shapes, repeat=len(unknown))
        if sum(shape is not None for shape in chosen) > 1
    )
    yield from islice(chain(alike, one_by_one, mixed), _MOST_TRIALS)
