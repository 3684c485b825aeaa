"""What two views of a model leave open: what one of them does not tell was not compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from composer.difference.compared_model import ComparedModel, Layer

_LOCKED = ("spec", "sources", "layers")


def not_compared(
    before: ComparedModel, now: ComparedModel, new_names: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the parts of layers that only one view tells, or none of both.

    Shapes of outputs are left aside: they follow from what is compared.

    Args:
        before: one model.
        now: the other one.
        new_names: of layers that have another name now.
    """
    if _same_content(before, now):
        return ()
    if all(part in view.whole for view in (before, now) for part in _LOCKED):
        unclear = any(None in view.facts.values() for view in (before, now))
        return ("weights of new layers",) if unclear else ()
    found: dict[str, None] = {}
    for name, old in before.layers.items():
        new = now.layers.get(new_names.get(name, name))
        if new is not None:
            found.update(dict.fromkeys(_gaps(old, new)))
    if None in (before.inputs, now.inputs, before.outputs, now.outputs):
        found["inputs and outputs of the model"] = None
    return tuple(found)


def _same_content(before: ComparedModel, now: ComparedModel) -> bool:
    """Tell whether the digest of everything in the model was compared."""
    return any(
        name.startswith("artifacts.") and name.endswith(".content")
        for name in before.facts.keys() & now.facts.keys()
        if before.facts[name] is not None and now.facts[name] is not None
    )


def _gaps(old: Layer, new: Layer) -> Iterator[str]:
    if None in (old.class_name, new.class_name):
        yield "classes"
    if None in (old.config, new.config) or old.known != new.known or old.known == "some":
        yield "arguments"
    if None in (old.calls, new.calls):
        yield "wiring"
    # Weights that no Keras has made yet follow from the arguments, the seed and the name.
    if old.known == new.known == "given":
        return
    if (
        old.weights is None
        or new.weights is None
        or any(weight.values is None for weight in (*old.weights, *new.weights))
    ):
        yield "weights"
