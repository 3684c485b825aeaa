"""Canonical form: what is left of a saved model when nothing in it depends on who saved it when."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from composer.container.contents import Content, TensorToWrite
from composer.container.stored import StoredTensor
from composer.graphs.graph import Json

METADATA_KEY = "composer"
"""The key of ``metadata.json`` under which this project's own entries stand. Keras ignores it."""
SHARED = "shared_object_id"
COMPILED = "compile_config"
_FIRST = "/vars/0"


class Renumbering:
    """New numbers for ``shared_object_id``, over all the configs that go into one file.

    Keras writes memory addresses there, and to its loader equal numbers are one object
    (``get_shared_object`` in ``keras/src/saving/serialization_lib.py``). So numbers are given in
    order of first appearance, from 1, and equal ones stay equal only within a namespace.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[Hashable, str], int] = {}

    def apply(self, fragment: Json, namespace: Hashable = None) -> Json:
        """Return ``fragment`` with new numbers; the argument stays as it is.

        Args:
            fragment: a config or part of one.
            namespace: one a source instance: the same file used twice is two.
        """
        if isinstance(fragment, list):
            return [self.apply(item, namespace) for item in fragment]
        if not isinstance(fragment, dict):
            return fragment
        serialised = SHARED in fragment and "class_name" in fragment
        # The object's own number comes before those inside it, whatever the order of its keys.
        number = self._number(fragment[SHARED], namespace) if serialised else None
        return {
            key: number if serialised and key == SHARED else self.apply(value, namespace)
            for key, value in fragment.items()
        }

    def _number(self, value: Json, namespace: Hashable) -> int:
        return self._numbers.setdefault((namespace, repr(value)), len(self._numbers) + 1)


def without_compilation(fragment: Json) -> Json:
    """Return a config without ``compile_config``, nested models included.

    Nested models stay compiled under ``load_model(compile=False)``, so it must go at every depth.
    """
    if isinstance(fragment, list):
        return [without_compilation(item) for item in fragment]
    if not isinstance(fragment, dict):
        return fragment
    serialised = "class_name" in fragment and "config" in fragment
    return {
        key: without_compilation(value)
        for key, value in fragment.items()
        if not (serialised and key == COMPILED)
    }


def canonical_config(config: Mapping[str, Json]) -> dict[str, Json]:
    """Return a model's config without compilation and with shared objects renumbered.

    The order of keys is kept, because it can carry meaning. The form is a fixed point: applied
    again it changes nothing.
    """
    result = Renumbering().apply(without_compilation(dict(config)))
    assert isinstance(result, dict)
    return result


def optimizer_groups(
    groups: Iterable[str], tensors: Iterable[StoredTensor | TensorToWrite]
) -> frozenset[str]:
    """Return those of ``groups`` that hold an optimiser's state, nested models' included.

    A model's group is the root or one that has a group ``layers``; its optimiser's is
    ``optimizer`` beside that (``_walk_saveable`` in ``keras/src/saving/saving_lib.py``). A
    subclassed model has no ``layers``: there it is known by the first variable of every optimiser
    of Keras, which counts its steps (``BaseOptimizer.build``); no layer begins with such a one.

    Args:
        groups: paths of groups of a weights file.
        tensors: the datasets of the same file.
    """
    paths = frozenset(groups)
    counting = {
        tensor.path.removesuffix(_FIRST)
        for tensor in tensors
        if tensor.path.endswith(_FIRST) and tensor.shape == () and "int" in tensor.logical_dtype
    }
    ends = ((path, *path.rpartition("/")[::2]) for path in paths)
    return frozenset(
        path
        for path, parent, name in ends
        if name == "optimizer" and (not parent or f"{parent}/layers" in paths or path in counting)
    )


def without_optimizer(contents: tuple[Content, ...]) -> tuple[Content, ...]:
    """Return ``contents`` without optimiser state, that of compiled nested models included."""
    tensors = [entry for entry in contents if isinstance(entry, TensorToWrite)]
    dropped = set(optimizer_groups((entry.path for entry in contents), tensors))
    if not dropped:
        return contents
    kept = []
    for entry in contents:
        if entry.path in dropped:
            continue
        if entry.path.rpartition("/")[0] in dropped:
            dropped.add(entry.path)
        else:
            kept.append(entry)
    return tuple(kept)
