"""A page as values: a picture, what there is to say of each of its nodes, and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from composer.views.picture.model import Picture

Mark = Literal["added", "removed", "changed", "rewired", "weights", "renamed"]
"""What became of a layer between two models, the most telling first."""
Cell = str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows below a heading, in the details of a node.

    Attributes:
        columns: their headings; empty where each row is a name and its value.
    """

    title: str
    rows: tuple[tuple[Cell, ...], ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What is said of a node.

    Attributes:
        facts: names and values.
        sections: further tables; those without rows are left out.
        marks: what is different, the most telling first.
    """

    facts: tuple[tuple[str, Cell], ...] = ()
    sections: tuple[Section, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table; ``node`` is the id of the node that it is about."""

    cells: tuple[Cell, ...]
    node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a page.

    Attributes:
        id: unique in the page, a word.
        columns: headings; the cells of a column are all numbers or all text.
    """

    id: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that a page holds.

    Attributes:
        title: what it is about.
        summary: a line below the title.
        picture: of all that there are details of.
        details: by the id of a node of the picture.
        tables: in the order of their tabs; those without rows are left out.
        edge_marks: by the number of an edge of the picture.
        left_out: whether what does not go into the result is shown from the start.
        differences: whether it tells two models apart.
        wired: whether it is known what takes from what; else the picture is not drawn.
    """

    title: str
    summary: str
    picture: Picture
    details: Mapping[str, Detail]
    tables: tuple[Table, ...]
    edge_marks: Mapping[int, Mark] = field(default_factory=dict)
    left_out: bool = False
    differences: bool = False
    wired: bool = True
