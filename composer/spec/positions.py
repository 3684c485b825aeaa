"""Where the values of a spec are in its text, and edits that leave comments and layout alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, Span, SpecPath
from composer.spec.source_text import COMMAND_LINE, Place
from composer.spec.tree import MapNode, Node, Scalar, ScalarValue, child, find
from composer.spec.yaml_scalars import NumberTooLargeError, resolve, written

_FROM_ELSEWHERE = ("extends", "replaces")
_BETWEEN = re.compile(r":[ \t]+(&\S+[ \t]+)?")
_BEFORE_KEY = re.compile(r"[ \t]*(- +)*")


@dataclass(frozen=True, slots=True)
class TreePositions:
    """Where the values of a spec stand: :class:`composer.spec.model.Positions` over a tree."""

    root: Node

    def value(self, path: SpecPath) -> Span | None:
        """Return the span of the value at ``path``, or of its nearest ancestor that exists."""
        return self._nodes(path)[-1].place.span

    def key(self, path: SpecPath) -> Span | None:
        """Return the span of the key that ends ``path``, or what :meth:`value` returns."""
        if path:
            nodes = self._nodes(path[:-1])
            parent = nodes[-1]
            if len(nodes) == len(path) and isinstance(parent, MapNode):
                entry = parent.entries.get(str(path[-1]))
                if entry is not None:
                    return entry.key_place.span
        return self.value(path)

    def origins(self, path: SpecPath) -> tuple[Note, ...]:
        """Return the history of the value at ``path``: its own steps, then its ancestors'."""
        steps = dict.fromkeys(o for node in reversed(self._nodes(path)) for o in node.origins)
        return tuple(step.note for step in steps)

    def problem(
        self,
        code: str,
        path: SpecPath,
        message: str,
        help: str | None = None,  # noqa: A002
        *,
        span: Span | None = None,
        notes: tuple[Note, ...] = (),
        fix: tuple[Edit, ...] = (),
    ) -> Diagnostic:
        """Return what is wrong with the value at ``path``, with the history of that value.

        Args:
            code: of the diagnostic.
            path: in the spec.
            message: what happened.
            help: what to do.
            span: None is that of the value.
            notes: other places that take part.
            fix: edits; those of the command line, which no editor could make, are left out.
        """
        return Diagnostic(
            code=code,
            message=message,
            path=path,
            span=span or self.value(path),
            notes=(*notes, *self.origins(path)),
            help=help,
            fix=tuple(edit for edit in fix if edit.span.file != COMMAND_LINE),
        )

    def _nodes(self, path: SpecPath) -> list[Node]:
        """Return the nodes from the root down ``path``, as far as they exist."""
        nodes = [self.root]
        for key in path:
            found = child(nodes[-1], key)
            if found is None:
                break
            nodes.append(found)
        return nodes

    # ------------------------------------------------------------ edits

    def added(self, path: SpecPath, key: str, value: str | Mapping[str, str]) -> tuple[Edit, ...]:
        """Return the edit that adds a key to the map at ``path``; none where that is not plain.

        A map that came through ``extends`` is left alone: other specs start from it too.

        Args:
            path: of a map that holds at least one value on one line.
            key: that it does not hold yet.
            value: text, or a map of texts.
        """
        node = find(self.root, path)
        if not isinstance(node, MapNode) or not node.entries or key in node.entries:
            return ()
        after = "from" if "from" in node.entries else next(iter(node.entries))
        entry = node.entries[after]
        place = entry.node.place
        way = (*self._nodes(path), entry.node)
        if any(step.how in _FROM_ELSEWHERE for on_way in way for step in on_way.origins):
            return ()
        if _is_foreign(entry.key_place) or entry.key_place.source is not place.source:
            return ()
        source, text = place.source, place.source.text
        if not isinstance(entry.node, Scalar) or "\n" in place.text:
            return ()
        # An alias stands for a value that is written elsewhere, where nothing may be added.
        if not _BETWEEN.fullmatch(text[entry.key_place.end : place.start]):
            return ()
        if _in_braces(node, entry.key_place):
            edit = Place(source, place.end, place.end)
            return (Edit(span=edit.span, replacement=f", {key}: {_written(value)}"),)
        start, end = source.line_bounds(entry.key_place.start)
        if not _BEFORE_KEY.fullmatch(text[start : entry.key_place.start]):
            return ()
        indent = " " * (entry.key_place.start - start)
        line = f"{_line_end(text)}{indent}{key}: {_written(value)}"
        return (Edit(span=Place(source, end, end).span, replacement=line),)

    def added_first(self, key: str, value: str) -> tuple[Edit, ...]:
        """Return the edit that puts a key before all others of the spec.

        Args:
            key: that it does not hold yet.
            value: as YAML.
        """
        if not isinstance(self.root, MapNode) or _is_foreign(self.root.place):
            return ()
        source, start = self.root.place.source, self.root.place.start
        if source.text[start : start + 1] == "{":
            where, line = Place(source, start + 1, start + 1), f"{key}: {value}, "
        elif source.line_column(start)[1] == 1:
            where, line = Place(source, start, start), f"{key}: {value}{_line_end(source.text)}"
        else:
            return ()
        return (Edit(span=where.span, replacement=line),)

    def replaced(self, path: SpecPath, new: str) -> tuple[Edit, ...]:
        """Return the edit that puts other text in the place of the text at ``path``.

        Nothing is changed that came through ``${…}``, or stands on the command line.
        """
        node = find(self.root, path)
        if (
            not isinstance(node, Scalar)
            or not isinstance(node.value, str)
            or _is_foreign(node.place)
        ):
            return ()
        return _rewritten(node.place, node.value, new)

    def revalued(self, path: SpecPath, new: str) -> tuple[Edit, ...]:
        """Return the edit that puts another value in the place of the one at ``path``.

        Nothing is changed that came through ``${…}``, or stands on the command line.

        Args:
            path: of a scalar.
            new: as YAML, on one line.
        """
        node = find(self.root, path)
        if not isinstance(node, Scalar) or node.value is None or _is_foreign(node.place):
            return ()
        text = node.place.text
        if isinstance(node.value, str):
            stands = text in (node.value, f'"{node.value}"', f"'{node.value}'")
        else:
            stands = _resolved(text) == node.value
        return (Edit(span=node.place.span, replacement=new),) if stands and "\n" not in text else ()

    def renamed_key(self, path: SpecPath, new: str) -> tuple[Edit, ...]:
        """Return the edit that gives the key at the end of ``path`` another name."""
        parent = find(self.root, path[:-1])
        if not isinstance(parent, MapNode) or new in parent.entries:
            return ()
        entry = parent.entries.get(str(path[-1]))
        if entry is None or _is_foreign(entry.key_place):
            return ()
        return _rewritten(entry.key_place, str(path[-1]), new)


def _written(value: str | Mapping[str, str]) -> str:
    if isinstance(value, str):
        return written(value)
    return f"{{{', '.join(f'{written(k)}: {written(v)}' for k, v in value.items())}}}"


def _resolved(text: str) -> ScalarValue:
    try:
        return resolve(text)
    except NumberTooLargeError:
        return None


def _rewritten(place: Place, old: str, new: str) -> tuple[Edit, ...]:
    """Return the edit where the text stands as it is, quoted or not."""
    forms = {old: written(new), f'"{old}"': f'"{new}"', f"'{old}'": f"'{new}'"}
    form = forms.get(place.text)
    if form is None or any(char in new for char in "\"'\\\n"):
        return ()
    return (Edit(span=place.span, replacement=form),)


def _is_foreign(place: Place) -> bool:
    return place.source.file == COMMAND_LINE


def _in_braces(node: MapNode, key: Place) -> bool:
    """Whether the map that a key stands in is written as ``{…}``."""
    if node.place.source is key.source and node.place.start <= key.start <= node.place.end:
        return node.place.source.text[node.place.start : node.place.start + 1] == "{"
    before = key.source.text[: key.start].rstrip()
    return before.endswith(("{", ","))


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
