"""What the selectors of ``compose inspect`` catch, and why one catches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from composer.errors import FormatError

if TYPE_CHECKING:
    from composer.authoring.inspection import InspectedLayer, Inspection
    from composer.spec.model import Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """What one selector picks.

    Attributes:
        names: of operations; of those inside nested models the path (``inner/dense``).
        opened: whether a source needs ``flatten: true`` for that.
        why_none: help where it picks nothing.
    """

    names: frozenset[str]
    opened: bool = False
    why_none: str | None = None


def catch(inspection: Inspection, selectors: Mapping[str, Selector]) -> Mapping[str, Caught]:
    """Try selectors on a model as it is, and where one picks nothing, with nested models opened.

    Args:
        inspection: of the model.
        selectors: by their text.
    """
    from composer.diagnostics.suggest import did_you_mean
    from composer.graphs.flatten import flat_graph
    from composer.resolver.dead_selectors import why_dead
    from composer.resolver.select_layers import matches
    from composer.resolver.topology import Topology

    topology = Topology.of(inspection.graph)
    found = {text: Caught(names=matches(it, topology)) for text, it in selectors.items()}
    if all(caught.names for caught in found.values()):
        return found
    try:
        flat = Topology.of(flat_graph(inspection.graph))
    except FormatError:  # it can't be flattened, so that a spec can't either
        flat = topology
    for text, caught in found.items():
        if caught.names:
            continue
        inside = matches(selectors[text], flat)
        why = None
        if not inside:
            selector = selectors[text]
            why = why_dead(selector, topology.operations) or did_you_mean(
                selector.pattern, tuple(topology.operations)
            )
        found[text] = Caught(names=inside, opened=bool(inside), why_none=why)
    return found


def rows(inspection: Inspection, caught: Mapping[str, Caught]) -> tuple[InspectedLayer, ...]:
    """Return the layers that any selector picks, in the file's order."""
    picked = frozenset().union(*(found.names for found in caught.values()))
    listed = (layer for outer in inspection.layers for layer in outer.opened())
    # A nested model that is picked itself is shown with all that it holds.
    return tuple(layer for layer in listed if layer.name in picked)
