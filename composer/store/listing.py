"""What a store holds, for people: objects and what they are, and how much of everything else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.files.json_files import read_document
from composer.files.unfinished import sweep
from composer.store.objects import StoredObject
from composer.store.pruning import DOWNLOAD, notes, size_of
from composer.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object, and what it is.

    Attributes:
        stored: the object.
        kind: the importer that made it (``app``, ``url``, …), ``layer`` for a new layer that
            Keras made, or ``unknown`` where nothing leads to it any more.
        name: of the model, the URL or the layer's class, where it is known.
    """

    stored: StoredObject
    kind: str
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that a store holds.

    Attributes:
        root: of the store.
        objects: the most recently used first.
        recipes: how many ways lead to objects.
        facts: how many answers of Keras are remembered.
        notes: how many digests and listings of files are.
        other_bytes: size of recipes, facts and notes.
        downloads: parts of files that a later build goes on with.
        leftovers: what killed processes left.
    """

    root: Path
    objects: tuple[Item, ...] = ()
    recipes: int = 0
    facts: int = 0
    notes: int = 0
    other_bytes: int = 0
    downloads: tuple[Path, ...] = ()
    leftovers: tuple[Path, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size of everything, in bytes."""
        lost = sum(size_of(path) for path in (*self.downloads, *self.leftovers))
        return sum(item.stored.size for item in self.objects) + self.other_bytes + lost


def contents(store: Store) -> Contents:
    """Look at a store without changing it, or when its objects were used last."""
    recipes = sorted(store.root.glob("recipes/*/*.json"))
    facts = sorted(store.root.glob("facts/*/*.json"))
    noted = tuple(notes(store.root))
    layers: dict[str, str | None] = {}
    for path in facts:
        found = _layer(read_document(path) or {})
        if found is not None:
            layers.setdefault(*found)
    items = [_item(stored, layers) for stored in store.list_objects()]
    items.sort(key=lambda item: (item.stored.used, item.stored.digest), reverse=True)
    scratch = store.root / "scratch"
    other = 0
    for path in (*recipes, *facts, *noted):
        with suppress(OSError):
            other += path.stat().st_size
    return Contents(
        root=store.root,
        objects=tuple(items),
        recipes=len(recipes),
        facts=len(facts),
        notes=len(noted),
        other_bytes=other,
        downloads=tuple(sorted(scratch.glob(f"{DOWNLOAD}*"))),
        leftovers=sweep(scratch, remove=False),
    )


def _layer(document: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return the object that a fact leads to, and the class of the layer in it."""
    fact = document.get("fact")
    digest = fact.get("object") if isinstance(fact, dict) else None
    if not isinstance(fact, dict) or not isinstance(digest, str):
        return None
    layer = fact.get("layer")
    name = layer.get("class_name") if isinstance(layer, dict) else None
    return digest, name if isinstance(name, str) else None


def _item(stored: StoredObject, layers: Mapping[str, str | None]) -> Item:
    for about in stored.about:
        name = about.get("name", about.get("target"))
        return Item(
            stored=stored,
            kind=str(about.get("importer", "unknown")),
            name=name if isinstance(name, str) else None,
        )
    if stored.digest in layers:
        return Item(stored=stored, kind="layer", name=layers[stored.digest])
    return Item(stored=stored, kind="unknown", name=None)
