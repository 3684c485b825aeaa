"""Which variables a layer keeps in a file of weights, as far as its config tells without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from composer.graphs.graph import SHARED, Json

Dimension = int | None
Shape = tuple[Dimension, ...]
"""A shape as far as it is known; None for a dimension that only Keras could tell."""

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_PLAIN_POLICIES = frozenset({"DTypePolicy", "DTypePolicyMap"})


@dataclass(frozen=True, slots=True)
class NeededVariable:
    """A variable that Keras makes for a layer.

    Attributes:
        name: that Keras gives it, such as ``kernel``.
        shape: of its tensor; None where not even its rank is known.
        dtype: Keras's name for it; None where the config does not tell.
    """

    name: str
    shape: Shape | None
    dtype: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What Keras reads of a layer's group when it loads the layer.

    Attributes:
        variables: in the order in which Keras numbers them below ``vars``; None where only Keras
            can tell (a class of a user's, quantised layers).
        some: whether there is at least one variable where they are not known.
        parts: layers inside it that Keras stores below it.
        closed: whether nothing but ``variables`` and ``parts`` is read.
        shared: the number by which Keras makes the layer one object with others of the file.
    """

    variables: tuple[NeededVariable, ...] | None = ()
    some: bool = False
    parts: tuple[NeededPart, ...] = ()
    closed: bool = True
    shared: int | str | None = None


@dataclass(frozen=True, slots=True)
class NeededPart:
    """A layer inside another one.

    Attributes:
        paths: below the outer one's group; Keras finds it by any of them, and stores it under
            the first.
        needs: what it keeps there.
    """

    paths: tuple[str, ...]
    needs: Needs


UNKNOWN = Needs(variables=None, closed=False)
"""Of a layer that only Keras knows."""


QUANTISED = Needs(variables=None, some=True)
"""Of a layer that keeps scales and the like beside its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A layer as its serialised form describes it.

    Attributes:
        class_name, module: of its class.
        config: the arguments of its constructor.
        shapes: that it is built with, by the argument of ``build`` (``input_shape``); where a
            layer takes several tensors in one argument, a sequence of shapes.
        shared: as in :class:`Needs`.
    """

    class_name: str
    module: Json
    config: Mapping[str, Json]
    shapes: Mapping[str, Json]
    shared: int | str | None = None

    def shape(self, argument: str = "input_shape") -> Shape | None:
        """Return one shape that the layer is built with; None where it is not recorded."""
        value = self.shapes.get(argument)
        return tuple(value) if value is not None and is_shape(value) else None

    def inner(self, entry: Json, shape: Shape | None = None) -> Described:
        """Return a serialised layer inside this one, which may be built with ``shape``."""
        described = describe(entry)
        if not described.shapes and shape is not None:
            return replace(described, shapes={"input_shape": list(shape)})
        return described

    @property
    def dtype(self) -> str | None:
        """What its variables are stored in; None where the config does not tell."""
        return variable_dtype(self.config.get("dtype"))

    @property
    def quantised(self) -> bool:
        """Whether it may keep other variables than those of its class, scales for instance."""
        policy = self.config.get("dtype")
        return bool(self.config.get("quantization_config")) or not _plain(policy)


def describe(entry: Json) -> Described:
    """Return the description of a layer's serialised form.

    Args:
        entry: with ``class_name``, ``config`` and mostly ``build_config``.

    Raises:
        TypeError: it is no serialised layer.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
        raise TypeError(entry)
    shared = entry.get(SHARED)
    return Described(
        class_name=str(entry.get("class_name")),
        module=entry.get("module"),
        config=entry["config"],
        shapes=built_shapes(entry.get("build_config")),
        shared=shared if isinstance(shared, int | str) else None,
    )


def built_shapes(build_config: Json) -> Mapping[str, Json]:
    """Return the shapes of a ``build_config`` by the argument that ``build`` takes them in.

    Mirrors ``Layer.build_from_config`` of ``keras/src/layers/layer.py``.
    """
    if not isinstance(build_config, Mapping):
        return {}
    if "input_shape" in build_config:
        return {"input_shape": build_config["input_shape"]}
    several = build_config.get("shapes_dict")
    return several if isinstance(several, Mapping) else {}


def is_shape(value: Json) -> bool:
    """Tell whether a recorded value is the shape of one tensor."""
    return isinstance(value, Sequence) and all(
        item is None or (isinstance(item, int) and not isinstance(item, bool)) for item in value
    )


def variable_dtype(policy: Json) -> str | None:
    """Return the dtype of the variables of a layer with a serialised dtype policy.

    Mirrors ``DTypePolicy._parse_name`` of ``keras/src/dtype_policies/dtype_policy.py``; None for
    maps, quantised policies and no policy at all.
    """
    if isinstance(policy, Mapping):
        if policy.get("class_name") != "DTypePolicy":
            return None
        inside = policy.get("config")
        policy = inside.get("name") if isinstance(inside, Mapping) else None
    if policy in ("mixed_float16", "mixed_bfloat16"):
        return "float32"
    return policy if isinstance(policy, str) and policy in _FLOATS else None


def _plain(policy: Json) -> bool:
    """Tell whether no part of a policy quantises."""
    if isinstance(policy, str):
        return "_from_" not in policy
    if isinstance(policy, Mapping):
        named = policy.get("class_name")
        if isinstance(named, str) and named not in _PLAIN_POLICIES:
            return False
        return all(_plain(value) for value in policy.values())
    if isinstance(policy, list):
        return all(_plain(value) for value in policy)
    return True
