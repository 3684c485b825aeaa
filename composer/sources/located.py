"""What finding a source gave, where that is more than a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic
from composer.graphs.graph import Graph, Repair, Unlinkable
from composer.resolver.plan import Download


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The ``.keras`` file of a source that was made from another file.

    The bytes of that other file were held against the spec's ``sha256``.

    Attributes:
        path: of the ``.keras`` file; None where Keras has to make it first and may not.
        wrote: the program that wrote the other file, such as ``Keras 2.4.0``.
        repairs: what was changed in layers on the way.
        refused: why layers can't be linked, by full name; they are there to be left out.
        draft: the model's graph, where Keras has to make the file first.
        warnings: where other numbers may come out than before.
        diagnostics: about the other file, where that is a spec.
        made_from: files and folders of the user's that it was made from; no build replaces them.
        download: what a URL gave, from which the file is or was made.
    """

    path: Path | None
    wrote: str = ""
    repairs: tuple[Repair, ...] = ()
    refused: Mapping[str, Unlinkable] = field(default_factory=dict)
    draft: Graph | None = None
    warnings: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    made_from: tuple[Path, ...] = ()
    download: Download | None = None
