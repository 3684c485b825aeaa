"""The layers of an ``.h5`` file as they stand there, for looking at what can't be imported."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import Graph, Json, Operation
from composer.legacy.h5.file import LegacyFile


def outline(file: LegacyFile) -> Graph:
    """Return the layers of a file under the names and classes that it gives them, without edges.

    Args:
        file: as it was read; a nested model is one layer.
    """
    config = file.config.get("config")
    bare = isinstance(config, list)  # Keras before 2.2.3 writes a Sequential as a bare list
    held = config if isinstance(config, Mapping) else {}
    entries = config if bare else held.get("layers")
    name = held.get("name")
    return Graph(
        name=str(name or "model"),
        operations=tuple(
            _operation(entry)
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, Mapping)
        ),
        inputs=[],
        outputs=[],
        sequential=file.config.get("class_name") == "Sequential",
    )


def _operation(entry: Mapping[str, Json]) -> Operation:
    config = entry.get("config")
    config = config if isinstance(config, Mapping) else {}
    class_name = str(entry.get("class_name"))
    return Operation(
        name=str(entry.get("name") or config.get("name") or "?"),
        kind="input" if class_name == "InputLayer" else "layer",
        class_name=class_name,
        module=None,
        registered_name=None,
        config=config,
    )
