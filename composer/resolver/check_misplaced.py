"""Check of each source: the weights of every layer that goes in are its own to move."""

from __future__ import annotations

from composer.graphs.model_file import ModelFile
from composer.resolver.link import Link
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems


def check_misplaced(link: Link, problems: Problems) -> None:
    """Refuse layers whose weights a file keeps under another layer: they can't move (CMP508).

    Nor can a nested model that holds such a layer stay nested. Keras reads the file without a
    word where the layer itself comes first, and wires the calls of the two models wrongly: the
    calls inside the nested model then come first in its count (``functional_from_config``).
    """
    for piece in link.pieces.values():
        _check(piece, link.files[piece.source.id], problems)


def _check(piece: Piece, file: ModelFile, problems: Problems) -> None:
    source = piece.source
    for name, group in file.misplaced.items():
        outer = next((n for n in _with_ancestors(name) if n in piece.names), None)
        if outer is None and source.nested is None:
            continue
        inside = "" if outer == name else "; a model with such a layer inside can't stay nested"
        problems.add(
            "CMP508",
            ("sources", source.id),
            f"the weights of layer {name!r} of source {source.id!r} are stored inside another "
            f"layer (in {group!r}), with which it is shared; moved by itself it would lose "
            f"them{inside}",
            at_key=True,
            help="flatten: true joins a layer that is shared with a nested model"
            + (f"; or exclude the layer: exclude: [{outer}]" if outer is not None else ""),
        )


def _with_ancestors(path: str) -> tuple[str, ...]:
    """Return ``a/b/c``, ``a/b`` and ``a``."""
    parts = path.split("/")
    return tuple("/".join(parts[:end]) for end in range(len(parts), 0, -1))
