"""The ``trainable`` flags that a source's layers get in the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from composer.graphs.graph import Operation
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems


def flagged(piece: Piece, original: str, operation: Operation, problems: Problems) -> Operation:
    """Return ``operation`` with the flag that its source asks for.

    ``trainable`` speaks for all layers, then ``freeze`` for some, then ``unfreeze`` for some.
    """
    wanted = piece.source.trainable
    if original in piece.selection.frozen:
        wanted = False
    if original in piece.selection.unfrozen:
        wanted = True
    if wanted is None or operation.kind != "layer":
        return operation
    if "trainable" not in operation.config and operation.inner is None:
        problems.add(
            "CMP415",
            ("sources", piece.source.id),
            f"layer {original!r} ({operation.class_name}) of source {piece.source.id!r} does not "
            "keep 'trainable' in its config, so the flag can't be set",
            at_key=True,
            help="let get_config() of the class include super().get_config()",
        )
        return operation
    return replace(operation, config=with_flag(operation.config, wanted))


def with_flag(config: Mapping[str, Any], wanted: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return the config of a layer with the flag set here and in all nested models.

    A nested Sequential forgets its own flag when it is loaded, and a model that is set to the
    value it has already does not pass it on: only the layers' own flags are sure.
    """
    changed = {**config, "trainable": wanted}
    layers = config.get("layers")
    if isinstance(layers, list):
        changed["layers"] = [
            {**entry, "config": with_flag(entry["config"], wanted)}
            if isinstance(entry, Mapping)
            and isinstance(entry.get("config"), Mapping)
            and ("trainable" in entry["config"] or "layers" in entry["config"])
            else entry
            for entry in layers
        ]
    return changed
