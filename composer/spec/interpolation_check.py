"""What a ``${…}`` asks for, and whether it can be had: paths, circles and sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, SpecPath
from composer.diagnostics.suggest import certain, nearest, question
from composer.spec.limits import MAX_BYTES, MAX_DEPTH, MAX_NODES
from composer.spec.refused import RefusedError
from composer.spec.source_text import COMMAND_LINE, Place
from composer.spec.tree import Broken, ListNode, MapNode, Node, Scalar, child, path_text

_OPENING = re.compile(r"(\\*)\$\{")
_STEP = r"[^\\{}()\[\]:.,=$\s'\"]+"
_PATH = re.compile(rf"\s*({_STEP}(?:\.{_STEP}|\[{_STEP}\])*)\s*")
_LONGEST_CHAIN = 10
_MOST_LISTED = 8
# Values under examination at a time: each takes a few frames of Python's stack.
_MOST_OPEN = 3 * MAX_DEPTH


@dataclass(frozen=True, slots=True)
class Interpolation:
    """One ``${…}`` in a text: its offsets there, the path it asks for, and how that is written."""

    start: int
    end: int
    path: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class FilledSize:
    """How large a value is once everything in it is filled in; None of it where unsound."""

    sound: bool = True
    characters: int = 0
    nodes: int = 1
    height: int = 1
    chain: int = 0


_UNSOUND = FilledSize(sound=False)


def interpolated(node: Node) -> bool:
    """Whether ``node`` is text with a ``${`` in it, escaped or not."""
    return isinstance(node, Scalar) and isinstance(node.value, str) and "${" in node.value


class InterpolationCheck:
    """Visits every value and what it depends on, once each, and decides what is sound.

    Attributes:
        root: the tree.
        diagnostics: the problems found so far.
        uses: of each text that holds ``${``, what it asks for.
        targets: for each of these, where it leads, in the same order.
    """

    def __init__(self, root: Node) -> None:
        self.root = root
        self.diagnostics: list[Diagnostic] = []
        self.uses: dict[SpecPath, tuple[Interpolation, ...]] = {}
        self.targets: dict[SpecPath, tuple[SpecPath, ...]] = {}
        self._extents: dict[SpecPath, FilledSize] = {}
        self._open: list[SpecPath] = []

    def sound(self, path: SpecPath) -> bool:
        """Whether the value at ``path`` can be filled in."""
        return self._extents[path].sound

    def extent(self, path: SpecPath) -> FilledSize:
        """Return the extent of the value at ``path``, which exists."""
        known = self._extents.get(path)
        if known is not None:
            return known
        if path in self._open:
            self._report_cycle(path)
            return _UNSOUND
        node = at(self.root, path)
        self._open.append(path)
        try:
            found = self._measured(node, path)
        finally:
            self._open.pop()
        self._extents[path] = found
        return found

    def _measured(self, node: Node, path: SpecPath) -> FilledSize:
        match node:
            case MapNode():
                return self._collected([self.extent((*path, key)) for key in node.entries])
            case ListNode():
                below = [self.extent((*path, index)) for index in range(len(node.items))]
                return self._collected(below)
            case Scalar(value=str() as text) if "${" in text:
                return self._text(text, path)
            case Scalar():
                return FilledSize(characters=len(str(node.value)))
            case Broken():
                return _UNSOUND

    def _collected(self, below: list[FilledSize]) -> FilledSize:
        return FilledSize(
            sound=all(item.sound for item in below),
            characters=sum(item.characters for item in below),
            nodes=1 + sum(item.nodes for item in below),
            height=1 + max((item.height for item in below), default=0),
            chain=max((item.chain for item in below), default=0),
        )

    def _text(self, text: str, path: SpecPath) -> FilledSize:
        try:
            uses = self.uses[path] = _uses(text)
            found = [self._use(path, use, whole=is_whole(text, uses)) for use in uses]
            return _bounded(text, path, found) if uses else FilledSize(characters=len(text))
        except RefusedError as problem:
            if problem.code:
                self._report(path, problem)
            return _UNSOUND

    def _use(self, path: SpecPath, use: Interpolation, *, whole: bool) -> FilledSize:
        """Return the extent of what one ``${…}`` of the text at ``path`` leads to."""
        if len(self._open) > _MOST_OPEN:
            raise RefusedError("CMP102", "values refer to each other in too long a chain")
        target = self._target(path, use)
        self.targets[path] = (*self.targets.get(path, ()), target)
        extent = self.extent(target)
        if not extent.sound:
            raise RefusedError
        if not whole:
            self._require_text(use, target)
        return extent

    def _target(self, path: SpecPath, use: Interpolation) -> SpecPath:
        """Return the path that ``use`` leads to, as the tree spells it."""
        reached: Node = self.root
        target: SpecPath = ()
        for step in use.path:
            if interpolated(reached):
                # ${vars.a.b} where vars.a is itself ${vars.c}: go on from there.
                if not self.extent(target).sound:
                    raise RefusedError
                target = self.final(target)
                reached = at(self.root, target)
            if isinstance(reached, Broken):
                raise RefusedError
            below = child(reached, step)
            if below is None:
                raise self._missing(path, use, target, step)
            target = (*target, int(step) if isinstance(reached, ListNode) else step)
            reached = below
        return target

    def _require_text(self, use: Interpolation, target: SpecPath) -> None:
        found = at(self.root, self.final(target))
        if isinstance(found, Scalar) and isinstance(found.value, bool):
            kind = "true or false"
        elif isinstance(found, Scalar) and found.value is not None:
            return
        else:
            kind = {MapNode: "a map", ListNode: "a list"}.get(type(found), "nothing (null)")
        raise RefusedError(
            "CMP144",
            f"'${{{use.text}}}' stands in the midst of text, and its value is {kind}",
            "only text and numbers can be put into text",
            notes=(Note(message=f"'{use.text}' is set here", span=found.place.span),),
        )

    def final(self, path: SpecPath) -> SpecPath:
        """Return where ``path``, which is sound, leads when each whole ``${…}`` is followed."""
        while self.uses.get(path):
            node = at(self.root, path)
            assert isinstance(node, Scalar)
            if not is_whole(str(node.value), self.uses[path]):
                break
            path = self.targets[path][0]
        return path

    # ------------------------------------------------------------ reports

    def _report(self, path: SpecPath, problem: RefusedError) -> None:
        """Add the diagnostic of a problem with the value at ``path``."""
        place, origins = (node := at(self.root, path)).place, node.origins
        notes = (*problem.notes, *(origin.note for origin in origins))
        found = Diagnostic(
            code=problem.code, message=problem.message, path=path, span=place.span,
            help=problem.help, notes=notes, fix=problem.fix,
        )  # fmt: skip
        self.diagnostics.append(found)

    def _missing(
        self, path: SpecPath, use: Interpolation, parent: SpecPath, step: str
    ) -> RefusedError:
        """Return the problem that ``parent``, on the way of ``use``, has no ``step``."""
        reached = at(self.root, parent)
        help_: str | None = None
        if isinstance(reached, MapNode):
            near = nearest(step, reached.entries)
            help_ = question([path_text((*parent, key)) for key in near])
            help_ = help_ or _advice(use, parent, step, reached)
        where = f"'{path_text(parent)}'" if parent else "the spec"
        message = f"'${{{use.text}}}' can't be filled in: {where} has no '{step}'"
        return RefusedError("CMP140", message, help_, fix=self._corrected(path, use, parent, step))

    def _corrected(
        self, path: SpecPath, use: Interpolation, parent: SpecPath, step: str
    ) -> tuple[Edit, ...]:
        """Return the edit for a step that is misspelled, where the text stands as it is read."""
        reached, place = at(self.root, parent), at(self.root, path).place
        meant = certain(step, reached.entries) if isinstance(reached, MapNode) else None
        if meant is None or place.source.file == COMMAND_LINE or place.text.count(use.text) != 1:
            return ()
        steps = [meant if known == step else known for known in use.path]
        if use.path.count(step) != 1 or use.text != ".".join(use.path):
            return ()
        start = place.start + place.text.index(use.text)
        span = Place(place.source, start, start + len(use.text)).span
        return (Edit(span=span, replacement=".".join(steps)),)

    def _report_cycle(self, path: SpecPath) -> None:
        circle = [
            step
            for step in self._open[self._open.index(path) :]
            if interpolated(at(self.root, step))
        ]
        # The last text on the way closes the circle; it is the one to point at.
        closing = circle[-1] if circle else path
        notes = tuple(
            Note(message="by way of this value", span=at(self.root, step).place.span)
            for step in circle[:-1]
        )
        message = f"'{path_text(path)}' needs itself in order to be filled in"
        help_ = "write a value in one of these places"
        self._report(closing, RefusedError("CMP141", message, help_, notes=notes))


def _advice(use: Interpolation, parent: SpecPath, step: str, reached: MapNode) -> str | None:
    """Return help for a path that leads nowhere and is near to nothing."""
    match use.path:
        case ("vars", name):
            return f"add it: vars: {{{name}: …}}"
        case _ if not parent and "vars" in reached.entries:
            return f"a path begins at the top of the spec, as in ${{vars.{step}}}"
    known = [path_text((*parent, key)) for key in reached.entries][:_MOST_LISTED]
    return f"there are {', '.join(known)}" if known else None


def _bounded(text: str, path: SpecPath, found: list[FilledSize]) -> FilledSize:
    """Return the extent of a text at ``path`` with the values of extents ``found`` filled in."""
    extent = FilledSize(
        characters=len(text) + sum(item.characters for item in found),
        nodes=max(item.nodes for item in found),
        height=max(item.height for item in found),
        chain=1 + max(item.chain for item in found),
    )
    if extent.chain > _LONGEST_CHAIN:
        message = f"values refer to each other more than {_LONGEST_CHAIN} times in a row"
        raise RefusedError("CMP102", message)
    if extent.characters > MAX_BYTES or extent.nodes > MAX_NODES:
        raise RefusedError("CMP102", "filled in, this value is too large")
    if extent.height + len(path) > MAX_DEPTH:
        raise RefusedError("CMP102", f"filled in, values nest deeper than {MAX_DEPTH} levels")
    return extent


def _uses(text: str) -> tuple[Interpolation, ...]:
    """Return each ``${…}`` of a text."""
    uses = []
    offset = 0
    while match := _OPENING.search(text, offset):
        offset = match.end()
        # An odd number of backslashes in front: the last one makes the ${ plain text.
        if len(match[1]) % 2:
            continue
        close = text.find("}", offset)
        if close < 0:
            raise RefusedError(
                "CMP143",
                "an interpolation is opened by ${ and never closed",
                "close it with }, or write \\${ for plain text",
            )
        path = _path_in(text[offset:close])
        uses.append(Interpolation(match.end() - 2, close + 1, tuple(re.findall(_STEP, path)), path))
        offset = close + 1
    return tuple(uses)


def _path_in(body: str) -> str:
    """Return the path that stands between the braces of a ``${…}``."""
    if "${" in body:
        raise RefusedError(
            "CMP143",
            "an interpolation can't be inside another one",
            "give the path in full, as in ${vars.x}",
        )
    if ":" in body:
        raise RefusedError(
            "CMP142",
            f"'${{{body.split(':', 1)[0].strip()}:…}}' calls a resolver, which a spec may not do",
            "put the value into vars and pass it from the command line, as in vars.x=…",
        )
    if body.strip().startswith("."):
        raise RefusedError(
            "CMP143",
            f"'${{{body.strip()}}}' is a relative path",
            "give the path from the top of the spec, as in ${vars.x}",
        )
    path = _PATH.fullmatch(body)
    if path is None:
        raise RefusedError(
            "CMP143",
            f"'${{{body}}}' is not a path such as ${{vars.x}}",
            "write \\${ where plain text is meant",
        )
    return path[1]


def is_whole(text: str, uses: tuple[Interpolation, ...]) -> bool:
    """Whether ``text`` is one ``${…}`` and nothing else."""
    return len(uses) == 1 and uses[0].start == 0 and uses[0].end == len(text)


def at(root: Node, path: SpecPath) -> Node:
    """Return the node at ``path``, which exists."""
    node = root
    for step in path:
        below = child(node, step)
        assert below is not None
        node = below
    return node
