"""Collections of a YAML text that are open while it is read, and how large values are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from composer.diagnostics.diagnostic import SpecPath
from composer.spec import indentation
from composer.spec.source_text import Place
from composer.spec.tree import Entry, Node


@dataclass(slots=True)
class Frame:
    """A collection whose end has not been read yet."""

    start: int
    flow: bool
    anchor: str | None
    is_key: bool = False
    broken: bool = False
    entries: dict[str, Entry] = field(default_factory=dict)
    key: tuple[str, Place] | None = None
    nodes: int = 1
    height: int = 1
    stray: str | None = None
    strayed: dict[str, Entry] = field(default_factory=dict)
    """What stands behind an entry without a value that most likely holds it."""

    belongs_to: SpecPath | None = None
    """Where in this map the value of the key belongs that was read last."""

    def add(self, key: str, entry: Entry) -> None:
        """Add an entry where it belongs."""
        if self.belongs_to is None:
            self.open_entries[key] = entry
            return
        owner, *rest = self.belongs_to
        above = self.entries[str(owner)]
        node = indentation.taken_in(above.node, tuple(rest), key, entry)
        self.entries[str(owner)] = replace(above, node=node)
        self.belongs_to = None

    @property
    def open_entries(self) -> dict[str, Entry]:
        """The entries of the map that the next key belongs to."""
        return self.entries if self.stray is None else self.strayed

    def stray_behind(self, name: str) -> None:
        """Let all that stands behind an entry without a value belong to it."""
        keys = list(self.entries)
        for key in keys[keys.index(name) + 1 :]:
            self.strayed[key] = self.entries.pop(key)
        self.stray = name


@dataclass(frozen=True, slots=True)
class Measured:
    """A value, and how large it is."""

    node: Node
    nodes: int = 1
    height: int = 1
