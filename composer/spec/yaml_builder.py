"""YAML events to nodes: positions kept, keys checked, aliases shared and bounded, no recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.diagnostics.suggest import did_you_mean
from composer.spec import indentation, yaml_braces, yaml_lines, yaml_misread
from composer.spec.limits import MAX_ALIASES, MAX_DEPTH, MAX_NODES
from composer.spec.schema_keys import keys_at
from composer.spec.source_text import COMMAND_LINE, Place, SourceText
from composer.spec.tree import Broken, Entry, ListNode, MapNode, Node, Origin, Scalar, with_origins
from composer.spec.yaml_frames import Anchored, Frame
from composer.spec.yaml_scalars import NumberTooLargeError, quoted, resolve

if TYPE_CHECKING:
    import yaml

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
    """Turns events into nodes. A stack of frames takes the place of recursion."""

    def __init__(self, source: SourceText, start: int) -> None:
        self.source = source
        self.offset = start
        self.diagnostics: list[Diagnostic] = []
        self._frames: list[Frame] = []
        self._anchors: dict[str, Anchored] = {}
        self._aliases = 0
        self._nodes = 0
        self._root: Node | None = None

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
        # Imported here: a command that reads no spec does not pay for it.
        import yaml

        loader = yaml.SafeLoader(text)
        try:
            for event in self._events(loader):
                self._take(event, yaml)
        except _Stop:
            return None, self.diagnostics
        except yaml.MarkedYAMLError as error:
            in_flow = loader.flow_level > 0 or "flow" in (error.context or "")
            found = yaml_misread.explain(self.source, error, self.offset, in_flow=in_flow)
            self._replace_misreading(found)
            return None, self.diagnostics
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
            return None, self.diagnostics
        finally:
            loader.dispose()
        return self._root, self.diagnostics

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

    def _events(self, loader: yaml.SafeLoader) -> Iterator[yaml.Event]:
        while loader.check_event():
            event: yaml.Event = loader.get_event()  # type: ignore[no-untyped-call]
            yield event

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark.index, event.end_mark.index
        start, end = start + self.offset, end + self.offset
        text = self.source.text[start:end]
        return Place(self.source, start, start + len(text.rstrip()))

    def _take(self, event: yaml.Event, yaml: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._document(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            kind = "list" if isinstance(event, yaml.SequenceStartEvent) else "map"
            self._open(event, kind)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._close(event)

    # ------------------------------------------------------------ documents

    def _document(self, event: Any) -> None:
        place = self._place(event)
        if self._root is not None:
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

    def _scalar(self, event: Any) -> None:
        place = self._place(event)
        if self._expects_key():
            self._key(event, place)
            return
        node: Node
        unquoted = event.style is None
        if event.tag is not None:
            node = self._refuse_tag(event, place)
        elif _UNUSABLE.search(event.value):
            self.report("CMP101", "text can't hold U+0000 or half a surrogate pair", place)
            node = Broken(place=place)
        else:
            if unquoted and event.value == "":
                self._refuse_missing_value(place)
            node = self._resolved(event.value, place, unquoted=unquoted)
        self._add(node, 1, 1, event.anchor)

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

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        if self._expects_key():
            self._refuse_key(place)
            return
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self.report("CMP108", f"a spec holds at most {MAX_ALIASES} aliases", place)
            raise _Stop
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            self._unknown_alias(event.anchor, place)
            self._add(Broken(place=place), 1, 1, None)
            return
        origin = Origin(f"through *{event.anchor}, set here", anchored.node.place)
        node = with_origins(replace(anchored.node, place=place), (origin,))
        self._add(node, anchored.nodes, anchored.height, None)

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

    def _open(self, event: Any, kind: str) -> None:
        place = self._place(event)
        frame = Frame(kind, place.start, bool(event.flow_style), event.anchor)
        if event.tag is not None:
            self._refuse_tag(event, place)
            frame.broken = True
        if self._expects_key():
            self._refuse_key(place)
            frame.kind += " as key"
        self._frames.append(frame)
        self._check_depth(len(self._frames), place)

    def _close(self, event: Any) -> None:
        frame = self._frames.pop()
        if frame.kind.endswith(" as key"):
            return
        place = self._place(event)
        if frame.flow:
            end = place.end
        else:
            entries = (*frame.entries.values(), *frame.strayed.values())
            last = frame.items or [entry.node for entry in entries]
            end = max((node.place.end for node in last), default=frame.start)
        whole = Place(self.source, frame.start, end)
        if frame.stray is not None:
            places = [entry.key_place.start for entry in frame.strayed.values()]
            inner = MapNode(entries=frame.strayed, place=Place(self.source, min(places), end))
            owner = frame.entries[frame.stray]
            frame.entries[frame.stray] = replace(owner, node=inner)
        node: Node
        if frame.broken:
            node = Broken(place=whole)
        elif frame.kind == "list":
            node = ListNode(items=tuple(frame.items), place=whole)
        else:
            node = MapNode(entries=frame.entries, place=whole)
        if frame.kind == "map" and frame.flow and place.text != "}":
            self.diagnostics.append(
                yaml_misread.needs_quotes(
                    whole, "inside [ ], YAML makes a map of text that holds ': '"
                )
            )
            node = Broken(place=whole)
        self._add(node, frame.nodes, frame.height, frame.anchor)

    def _check_depth(self, depth: int, place: Place) -> None:
        if depth > MAX_DEPTH:
            first = Place(place.source, place.start, place.start + 1)
            self.report("CMP102", f"values nest deeper than {MAX_DEPTH} levels", first)
            raise _Stop

    def _add(self, node: Node, nodes: int, height: int, anchor: str | None) -> None:
        """Put a finished value into the collection that is open, or make it the root."""
        self._nodes += 1
        if anchor is not None:
            self._anchors[anchor] = Anchored(node, nodes, height)
        self._check_depth(len(self._frames) + height - 1, node.place)
        if not self._frames:
            self._root = node
            return
        frame = self._frames[-1]
        frame.nodes += nodes
        frame.height = max(frame.height, height + 1)
        if max(frame.nodes, self._nodes) > MAX_NODES:
            self.report(
                "CMP102",
                f"a spec holds at most {MAX_NODES} values, aliases written out",
                node.place,
            )
            raise _Stop
        if frame.kind.startswith("list"):
            frame.items.append(node)
            return
        if frame.key is not None:
            key, key_place = frame.key
            frame.add(key, Entry(key_place, node))
        frame.key, frame.awaits_value = None, False

    # ------------------------------------------------------------ keys

    def _expects_key(self) -> bool:
        return bool(
            self._frames
            and self._frames[-1].kind.startswith("map")
            and not self._frames[-1].awaits_value
        )

    def _key(self, event: Any, place: Place) -> None:
        frame = self._frames[-1]
        frame.awaits_value = True
        frame.key = None
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
        elif _UNUSABLE.search(event.value):
            self.report("CMP101", "text can't hold U+0000 or half a surrogate pair", place)
        elif event.value in frame.open_entries and self._is_misplaced(event.value, frame, place):
            pass
        elif event.value in frame.open_entries:
            first = frame.open_entries[event.value].key_place
            self.report(
                "CMP105",
                f"the key '{event.value}' appears twice in the same map",
                place,
                notes=(Note(message="it was first set here", span=first.span),),
                help="remove or rename one of them",
            )
        else:
            frame.key = (event.value, place)

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
        self._frames[-1].awaits_value = True
        self._frames[-1].broken = True
        self._frames[-1].key = None
        self.report(
            "CMP110",
            "a key is text; this one is an alias, a list or a map",
            Place(place.source, place.start, max(place.end, place.start + 1)),
        )

    def _refuse_missing_value(self, place: Place) -> None:
        """``{vars.x}``: YAML makes a map with a key and no value of it."""
        frame = self._frames[-1] if self._frames else None
        if frame is None or not frame.flow or frame.kind != "map" or frame.key is None:
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
