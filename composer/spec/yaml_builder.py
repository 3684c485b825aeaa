"""YAML events to nodes: positions kept, keys checked, aliases shared, size and depth bounded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import yaml

from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.diagnostics.suggest import did_you_mean
from composer.spec import indentation, yaml_braces, yaml_lines, yaml_misread
from composer.spec.limits import MAX_ALIASES, MAX_DEPTH, MAX_NODES
from composer.spec.schema_keys import keys_at
from composer.spec.source_text import COMMAND_LINE, Place, SourceText
from composer.spec.tree import (
    Broken,
    Entry,
    HistoryStep,
    ListNode,
    MapNode,
    Node,
    Scalar,
    with_origins,
)
from composer.spec.yaml_frames import Frame, Measured
from composer.spec.yaml_scalars import NumberTooLargeError, quoted, resolve

_UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")
_REFERENCE_COMMENT = re.compile(r"[ \t]+#\d+(?:\.\d+)?[ \t]*$")
_PLAIN_VALUE = re.compile(r":[ ]+[^\s#{]")
_ITEM_DEPTH = 3
"""How many maps are open inside a source: the spec, its sources, and this one."""
SECTIONS = ("inputs", "sources", "layers")
_HUGE_ESCAPE = re.compile(r"\\U(?!0010|000)[0-9A-Fa-f]{8}")


class _Stop(Exception):  # noqa: N818
    """Nothing more can be read; the diagnostic has been given."""


class Builder:
    """Turns events into nodes, by recursion that :data:`MAX_DEPTH` bounds."""

    def __init__(self, source: SourceText, start: int) -> None:
        self.source = source
        self.offset = start
        self.diagnostics: list[Diagnostic] = []
        self._frames: list[Frame] = []
        self._anchors: dict[str, Measured] = {}
        self._aliases = 0
        self._nodes = 0

    def report(
        self,
        code: str,
        message: str,
        place: Place,
        *,
        help: str | None = None,  # noqa: A002
        notes: tuple[Note, ...] = (),
    ) -> None:
        """Add a diagnostic."""
        self.diagnostics.append(
            Diagnostic(code=code, message=message, span=place.span, help=help, notes=notes)
        )

    def build(self, text: str) -> tuple[Node | None, list[Diagnostic]]:
        """Return the root of ``text``, None when there is none, and the problems found."""
        loader = yaml.SafeLoader(text)
        self._event: Callable[[], Any] = loader.get_event
        try:
            return self._documents(), self.diagnostics
        except _Stop:
            pass
        except yaml.MarkedYAMLError as error:
            in_flow = loader.flow_level > 0 or "flow" in (error.context or "")
            found = yaml_misread.explain(self.source, error, self.offset, in_flow=in_flow)
            self._replace_misreading(found)
        except (ValueError, OverflowError):
            # PyYAML passes \U escapes beyond the last code point on to chr().
            escape = _HUGE_ESCAPE.search(self.source.text, self.offset)
            begin, end = escape.span() if escape else (self.offset, self.offset)
            self.report(
                "CMP103",
                "an escape is not a Unicode character",
                Place(self.source, begin, end),
                help="the last one is \\U0010FFFF",
            )
        finally:
            loader.dispose()
        return None, self.diagnostics

    def _replace_misreading(self, found: Diagnostic) -> None:
        """Add ``found``; it sees the whole of a value of which an earlier one saw the start."""
        start = found.span and (found.span.line, found.span.column)
        if found.code == "CMP111":
            self.diagnostics = [
                earlier
                for earlier in self.diagnostics
                if earlier.code != "CMP111"
                or earlier.span is None
                or (earlier.span.line, earlier.span.column) != start
            ]
        self.diagnostics.append(found)

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark.index, event.end_mark.index
        start, end = start + self.offset, end + self.offset
        text = self.source.text[start:end]
        return Place(self.source, start, start + len(text.rstrip()))

    # ------------------------------------------------------------ documents

    def _documents(self) -> Node | None:
        root: Node | None = None
        while not isinstance(event := self._event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self._document(event, is_second=root is not None)
                root = self._value(self._event()).node
        return root

    def _document(self, event: Any, *, is_second: bool) -> None:
        place = self._place(event)
        if is_second:
            self.report(
                "CMP106",
                "a file contains one spec; a second YAML document begins here",
                place,
                help="put each spec into a file of its own",
            )
            raise _Stop
        if event.version is not None and event.version != (1, 2):
            written = ".".join(str(part) for part in event.version)
            self.report(
                "CMP107",
                f"a spec is read by the rules of YAML 1.2; this file asks for {written}",
                Place(self.source, place.start, place.start + 5),
                help="remove the %YAML line",
            )

    # ------------------------------------------------------------ values

    def _value(self, event: Any) -> Measured:
        """Return the value that begins with ``event``, with all that is in it."""
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            value = self._alias(event, place)
        elif isinstance(event, yaml.ScalarEvent):
            value = Measured(self._scalar(event, place))
        else:
            value = self._collection(event, place)
        self._nodes += 1
        if event.anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._anchors[event.anchor] = value
        self._check_depth(len(self._frames) + value.height - 1, value.node.place)
        if self._frames:
            frame = self._frames[-1]
            frame.nodes += value.nodes
            frame.height = max(frame.height, value.height + 1)
            if max(frame.nodes, self._nodes) > MAX_NODES:
                message = f"a spec holds at most {MAX_NODES} values, aliases written out"
                self.report("CMP102", message, value.node.place)
                raise _Stop
        return value

    def _scalar(self, event: Any, place: Place) -> Node:
        unquoted = event.style is None
        if event.tag is not None:
            return self._refuse_tag(event, place)
        if self._is_unusable(event.value, place):
            return Broken(place=place)
        if unquoted and event.value == "":
            self._refuse_missing_value(place)
        return self._resolved(event.value, place, unquoted=unquoted)

    def _is_unusable(self, text: str, place: Place) -> bool:
        found = _UNUSABLE.search(text) is not None
        if found:
            self.report("CMP101", "text can't hold U+0000 or half a surrogate pair", place)
        return found

    def _resolved(self, text: str, place: Place, *, unquoted: bool) -> Node:
        directory = self.source.directory
        try:
            value = resolve(text) if unquoted else text
        except NumberTooLargeError:
            self.report(
                "CMP102",
                "this number does not fit 64 bits",
                place,
                help=f"if it is text, quote it: {quoted(text)}",
            )
            return Broken(place=place)
        if unquoted and isinstance(value, str):
            if ":" in value:
                self._refuse_foreign_space(value, place)
            self._warn_of_comment(text, place)
        return Scalar(value=value, place=place, directory=directory)

    def _warn_of_comment(self, text: str, place: Place) -> None:
        """``enc:lstm #0.1``: to YAML the call number is a comment."""
        line_end = self.source.line_bounds(place.start)[1]
        comment = _REFERENCE_COMMENT.match(self.source.text, place.end, line_end)
        if comment is None:
            return
        self.diagnostics.append(
            Diagnostic(
                code="CMP112",
                severity="warning",
                message=f"YAML takes '{comment[0].strip()}' for a comment",
                span=Place(self.source, comment.start() + 1, comment.end()).span,
                help=f"if a call of a layer is meant: {quoted(text + comment[0].strip())}",
            )
        )

    def _alias(self, event: Any, place: Place) -> Measured:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self.report("CMP108", f"a spec holds at most {MAX_ALIASES} aliases", place)
            raise _Stop
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            self._unknown_alias(event.anchor, place)
            return Measured(Broken(place=place))
        origin = HistoryStep("alias", anchored.node.place, event.anchor)
        return replace(anchored, node=with_origins(replace(anchored.node, place=place), (origin,)))

    def _unknown_alias(self, name: str, place: Place) -> None:
        if any(frame.anchor == name for frame in self._frames):
            self.report("CMP108", f"the value anchored as '{name}' contains itself here", place)
        elif self._anchors:
            self.report(
                "CMP108",
                f"no value before this one is anchored as '{name}'",
                place,
                help=did_you_mean(name, self._anchors)
                or f"if text is meant, quote it: {quoted('*' + name)}",
            )
        else:
            self.diagnostics.append(
                yaml_misread.needs_quotes(
                    place, "in YAML, a value that begins with * refers to an anchor"
                )
            )

    # ------------------------------------------------------------ collections

    def _collection(self, event: Any, place: Place, *, is_key: bool = False) -> Measured:
        frame = Frame(place.start, bool(event.flow_style), event.anchor, is_key)
        if event.tag is not None:
            self._refuse_tag(event, place)
            frame.broken = True
        if is_key:
            self._refuse_key(place)
        self._frames.append(frame)
        self._check_depth(len(self._frames), place)
        read = self._list if isinstance(event, yaml.SequenceStartEvent) else self._map
        node = read(frame)
        self._frames.pop()
        if frame.broken:
            node = Broken(place=node.place)
        return Measured(node, frame.nodes, frame.height)

    def _list(self, frame: Frame) -> Node:
        items: list[Node] = []
        while not isinstance(event := self._event(), yaml.SequenceEndEvent):
            items.append(self._value(event).node)
        return ListNode(items=tuple(items), place=self._whole(frame, event, items))

    def _map(self, frame: Frame) -> Node:
        while not isinstance(event := self._event(), yaml.MappingEndEvent):
            self._key(event, frame)
            node = self._value(self._event()).node
            if frame.key is not None:
                key, key_place = frame.key
                frame.add(key, Entry(key_place, node))
            frame.key = None
        entries = (*frame.entries.values(), *frame.strayed.values())
        whole = self._whole(frame, event, [entry.node for entry in entries])
        if frame.stray is not None:
            first = min(entry.key_place.start for entry in frame.strayed.values())
            inner = MapNode(entries=frame.strayed, place=replace(whole, start=first))
            frame.entries[frame.stray] = replace(frame.entries[frame.stray], node=inner)
        if frame.flow and not frame.is_key and self._place(event).text != "}":
            self.diagnostics.append(
                yaml_misread.needs_quotes(
                    whole, "inside [ ], YAML makes a map of text that holds ': '"
                )
            )
            frame.broken = True
        return MapNode(entries=frame.entries, place=whole)

    def _whole(self, frame: Frame, end: Any, nodes: list[Node]) -> Place:
        """Return the place of a collection; in a block, its end is that of its last value."""
        if frame.flow:
            return Place(self.source, frame.start, self._place(end).end)
        last = max((node.place.end for node in nodes), default=frame.start)
        return Place(self.source, frame.start, last)

    def _check_depth(self, depth: int, place: Place) -> None:
        if depth > MAX_DEPTH:
            first = Place(place.source, place.start, place.start + 1)
            self.report("CMP102", f"values nest deeper than {MAX_DEPTH} levels", first)
            raise _Stop

    # ------------------------------------------------------------ keys

    def _key(self, event: Any, frame: Frame) -> None:
        """Read the key that begins with ``event`` into ``frame.key``; None where it is none."""
        place = self._place(event)
        if not isinstance(event, yaml.ScalarEvent):
            frame.broken = True
            if isinstance(event, yaml.AliasEvent):
                self._refuse_key(place)
            else:
                self._collection(event, place, is_key=True)
            return
        self._refuse_foreign_space(event.value, place)
        if event.tag is not None:
            self._refuse_tag(event, place)
        elif event.style is None and event.value == "<<":
            # What would have been merged in is missing: nobody should judge the rest.
            frame.broken = True
            self.report(
                "CMP109",
                "merge keys are not part of YAML 1.2 and not read here",
                place,
                help="share values through 'vars' and '${vars.x}', or files through 'extends'",
            )
        elif self._is_unusable(event.value, place):
            pass
        elif event.value not in frame.open_entries:
            frame.key = (event.value, place)
        elif not self._is_misplaced(event.value, frame, place):
            first = frame.open_entries[event.value].key_place
            self.report(
                "CMP105",
                f"the key '{event.value}' appears twice in the same map",
                place,
                notes=(Note(message="it was first set here", span=first.span),),
                help="remove or rename one of them",
            )

    def _is_misplaced(self, key: str, frame: Frame, place: Place) -> bool:
        """Whether a key that stands twice stands so for want, or for too many, spaces."""
        if frame.flow or self.source.file == COMMAND_LINE:
            return False
        if len(self._frames) == 1 and key == "inputs":
            line_end = self.source.line_bounds(place.end)[1]
            if not _PLAIN_VALUE.match(self.source.text, place.end, line_end):
                return False
            found = indentation.inputs_again(frame.entries, place)
            if found is not None:
                self.diagnostics.append(found)
                frame.key, frame.belongs_to = (key, place), found.path[:-1]
            return found is not None
        if len(self._frames) != _ITEM_DEPTH or frame.stray is not None:
            return False
        section = self._frames[0].key
        known = keys_at((section[0], "id")) if section and section[0] in SECTIONS else ()
        names = list(frame.entries)
        for name in reversed(names[names.index(key) + 1 :] if known else ()):
            node = frame.entries[name].node
            if name not in known and isinstance(node, Scalar) and node.value is None:
                frame.stray_behind(name)
                frame.key = (key, place)
                return True
        return False

    def _refuse_foreign_space(self, text: str, place: Place) -> None:
        """A no-break space in front of a key, or behind its colon, is part of the text to YAML."""
        found = None if text.isascii() else yaml_lines.foreign_space(self.source, place.start)
        if found is not None:
            self.diagnostics.append(found)
            raise _Stop

    def _refuse_key(self, place: Place) -> None:
        self.report(
            "CMP110",
            "a key is text; this one is an alias, a list or a map",
            Place(place.source, place.start, max(place.end, place.start + 1)),
        )

    def _refuse_missing_value(self, place: Place) -> None:
        """``{vars.x}``: YAML makes a map with a key and no value of it."""
        frame = self._frames[-1] if self._frames else None
        if frame is None or not frame.flow or frame.is_key or frame.key is None:
            return
        key, key_place = frame.key
        if frame.broken or ":" in self.source.text[key_place.end : place.start + 1]:
            return
        line_end = self.source.line_bounds(key_place.end)[1]
        close = self.source.text.find("}", key_place.end, line_end)
        whole = Place(self.source, frame.start, close + 1 if close >= 0 else key_place.end)
        frame.broken = True
        last = next(reversed(frame.entries.values()), None)
        before = last.node.place if last is not None else None
        self.diagnostics.append(yaml_braces.without_value(key, key_place, whole, before))

    def _refuse_tag(self, event: Any, place: Place) -> Node:
        written = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.report(
            "CMP107",
            f"tags are not read in a spec; found '{written}'",
            place,
            help="remove the tag; what is text can be put in quotes",
        )
        return Broken(place=place)
