"""Pass: which of a source's operations its selectors keep, by their original names.

Selectors that follow the graph (``upto``, ``after``, ``from`` and ``to``) pick calls: where a layer
is called again behind the end of a path, that call is not on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from composer.diagnostics.diagnostic import SpecPath
from composer.diagnostics.suggest import did_you_mean
from composer.resolver.dead_selectors import why_dead
from composer.resolver.link import Link
from composer.resolver.piece import Piece, Selection, picked
from composer.resolver.problems import Problems
from composer.resolver.topology import CallOf, Topology
from composer.spec.linear_match import Pattern, TooCostlyError
from composer.spec.model import Selector, Source
from composer.spec.selectors import glob_pattern, regex_pattern

MOST_WORK = 20_000_000
"""Names looked at, and instructions of patterns, for all selectors of a source: some seconds."""
MOST_EXPLAINED = 50
"""For so many selectors or rules that match nothing it is looked for what may have been meant."""


def select_layers(link: Link, problems: Problems) -> Link:
    """Open the pieces of all sources that are there, each with what its selectors keep of it."""
    pieces = {}
    for source in link.spec.sources:
        if source.id in link.files:
            graph = link.files[source.id].graph
            topology, wanted = Topology.of(graph), _as_one_layer(source)
            pieces[source.id] = Piece(
                source=wanted,
                topology=topology,
                inputs=graph.inputs,
                outputs=graph.outputs,
                selection=select(wanted, topology, problems),
            )
    return replace(link, pieces=pieces)


def _as_one_layer(source: Source) -> Source:
    """Return a nested source without selectors: its inside is a scope of its own (CMP419)."""
    if source.nested is None:
        return source
    return replace(source, include=None, exclude=(), bypass=(), freeze=(), unfreeze=())


def select(source: Source, topology: Topology, problems: Problems) -> Selection:
    """Apply a source's selectors. A selector that matches nothing is reported (CMP401)."""
    everything = frozenset(topology.operations)
    matcher = _Matcher(source.id, topology, problems)
    excluded = matcher.union(source.exclude)
    if source.include is None:
        included = frozenset().union(*map(topology.calls_of, everything))
        calls = included - excluded
    else:
        included = matcher.union(source.include)
        calls = included - excluded
        calls |= _feeding_inputs(calls, topology) - excluded
    kept = frozenset(name for name, _ in calls)
    bypass = matcher.names(source.bypass)
    for selector in source.bypass:
        found = picked(selector, matcher.of(selector))
        if found and not found - kept:
            problems.add(
                "CMP402",
                selector.path,
                f"bypass selects {_list(found)}, which {'are' if len(found) > 1 else 'is'} kept: "
                "only an excluded layer can be bypassed",
                help=f"add it to exclude as well: exclude: [{', '.join(sorted(found)[:3])}]",
                severity="warning",
            )
    if not kept:
        problems.add(
            "CMP403",
            ("sources", source.id),
            f"nothing of source {source.id!r} is kept: include and exclude leave no layer",
            at_key=True,
            help="remove the source, or keep at least one of its layers",
        )
    frozen, unfrozen = matcher.names(source.freeze), matcher.names(source.unfreeze)
    return Selection(
        kept=kept,
        calls=calls,
        excluded=everything - kept,
        bypass=bypass,
        frozen=frozen,
        unfrozen=unfrozen,
        included=included,
        named=excluded,
        found=matcher.found,
    )


def _feeding_inputs(calls: frozenset[CallOf], topology: Topology) -> frozenset[CallOf]:
    """Return the input layers whose tensors ``calls`` take."""
    return frozenset(
        (tensor.ref.operation, 0)
        for name, number in calls
        if topology.operations[name].calls
        for tensor in topology.operations[name].calls[number].tensors()
        if topology.operations[tensor.ref.operation].kind == "input"
    )


class _Matcher:
    """Matches the selectors of one source, each once, and reports those that match nothing.

    A spec of a megabyte and a model of many layers could keep it busy for hours: when the work is
    more than any sound spec needs, that is reported (CMP115), and nothing more is matched.
    """

    def __init__(self, source: str, topology: Topology, problems: Problems) -> None:
        self._source = source
        self._topology = topology
        self._problems = problems
        self.found: dict[Selector, frozenset[CallOf]] = {}
        self._work = 0
        self._dead = 0

    def union(self, selectors: Iterable[Selector]) -> frozenset[CallOf]:
        """Return all calls that any of ``selectors`` picks."""
        return frozenset().union(*(self.of(selector) for selector in selectors))

    def names(self, selectors: Iterable[Selector]) -> frozenset[str]:
        """Return the names of all operations of which any of ``selectors`` picks a call."""
        return frozenset().union(*(picked(one, self.of(one)) for one in selectors))

    def of(self, selector: Selector) -> frozenset[CallOf]:
        """Return the calls that ``selector`` picks."""
        if selector not in self.found:
            self.found[selector] = self._matched(selector)
        return self.found[selector]

    def _matched(self, selector: Selector) -> frozenset[CallOf]:
        if self._work > MOST_WORK:
            return frozenset()
        pattern = _pattern(selector)
        before = 0 if pattern is None else pattern.steps
        try:
            calls = matching_calls(selector, self._topology)
        except TooCostlyError as error:
            self._report_costly(selector, str(error))
            return frozenset()
        if selector.pattern not in self._topology.operations or selector.kind != "glob":
            self._work += len(self._topology.operations)
        if pattern is not None:
            self._work += pattern.steps - before
        if not calls:
            self._dead += 1
            explain = self._dead <= MOST_EXPLAINED
            _report_dead(self._source, selector, self._topology, self._problems, explain=explain)
        if self._work > MOST_WORK:
            self._report_costly(
                selector,
                f"the selectors of source {self._source!r} up to here look at its "
                f"{len(self._topology.operations):,} layers too often",
            )
        return calls

    def _report_costly(self, selector: Selector, message: str) -> None:
        self._problems.add(
            "CMP115",
            selector.path,
            message,
            help="use fewer or simpler patterns, or list the names",
        )


def _pattern(selector: Selector) -> Pattern | None:
    match selector.kind:
        case "glob":
            return glob_pattern(selector.pattern)
        case "regex":
            return regex_pattern(selector.pattern)
        case _:
            return None


def matches(selector: Selector, topology: Topology) -> frozenset[str]:
    """Return the names of the operations that ``selector`` picks; empty when there are none.

    Where it follows the graph, they are those of which it picks a call. A layer that is called
    again after itself does not come after itself.
    """
    return picked(selector, matching_calls(selector, topology))


def matching_calls(selector: Selector, topology: Topology) -> frozenset[CallOf]:
    """Return the calls that ``selector`` picks; empty when there are none.

    Raises:
        TooCostlyError: its pattern can't be matched with one of the names in bounded time.
    """
    operations = topology.operations
    pattern = selector.pattern
    match selector.kind:
        case "between":
            return _between(pattern, str(selector.to), topology)
        case "upto" | "after":
            if pattern not in operations:
                return frozenset()
            own = topology.calls_of(pattern)
            if selector.kind == "upto":
                return own | topology.calls_before(own)
            return topology.calls_after(own)
        case "glob":
            names = _glob(pattern, topology)
        case "regex":
            compiled = regex_pattern(pattern)
            names = frozenset(name for name in operations if compiled.fullmatch(name))
        case "class":
            names = frozenset(
                name
                for name, operation in operations.items()
                if pattern in (operation.class_name, operation.registered_name)
            )
    return frozenset().union(*map(topology.calls_of, names))


def _glob(pattern: str, topology: Topology) -> frozenset[str]:
    names = topology.operations
    # An exact name always wins: names of Keras 2 may hold any character of a glob.
    if pattern in names:
        return frozenset((pattern,))
    expression = glob_pattern(pattern)
    found = frozenset(name for name in names if expression.fullmatch(name))
    # The name of a nested model that was inlined stands for all that was inside.
    return found or frozenset(name for name in names if name.startswith(f"{pattern}/"))


def _between(first: str, last: str, topology: Topology) -> frozenset[CallOf]:
    """Return the calls on all paths from a call of ``first`` to one of ``last``."""
    if first not in topology.operations or last not in topology.operations:
        return frozenset()
    starts, ends = topology.calls_of(first), topology.calls_of(last)
    if first == last:
        return starts
    return (starts | topology.calls_after(starts)) & (ends | topology.calls_before(ends))


def _report_dead(
    source: str, selector: Selector, topology: Topology, problems: Problems, *, explain: bool
) -> None:
    if not explain:
        problems.add("CMP401", selector.path, f"{selector} matches no layer of source {source!r}")
        return
    names = tuple(topology.operations)
    if selector.kind == "class":
        classes = tuple(dict.fromkeys(op.class_name for op in topology.operations.values()))
        problems.add(
            "CMP401",
            selector.path,
            f"no layer of source {source!r} has the class {selector.pattern!r}",
            help=why_dead(selector, topology.operations)
            or did_you_mean(selector.pattern, classes)
            or f"the classes are {_list(classes)}",
            fix=problems.corrected((*selector.path, "class"), selector.pattern, classes),
        )
        return
    if selector.kind == "after" and selector.pattern in topology.operations:
        problems.add(
            "CMP401",
            selector.path,
            f"nothing comes after {selector.pattern!r}: it is the last layer of source {source!r}",
            help="after: selects strict descendants; to select the layer itself, give its name",
        )
        return
    if selector.kind == "between" and {selector.pattern, selector.to} <= set(names):
        problems.add(
            "CMP401",
            selector.path,
            f"no path leads from {selector.pattern!r} to {selector.to!r} in source {source!r}",
            help=f"{{from: {selector.to}, to: {selector.pattern}}} may be what is meant"
            if selector.pattern in topology.descendants(str(selector.to))
            else None,
        )
        return
    wanted = [selector.pattern] + ([selector.to] if selector.to else [])
    missing = [name for name in wanted if name not in topology.operations]
    sought = missing[0] if missing else selector.pattern
    suggestion = why_dead(selector, topology.operations) or did_you_mean(sought, names)
    problems.add(
        "CMP401",
        selector.path,
        f"{selector} matches no layer of source {source!r}",
        help=suggestion or f"selectors match original names; the source has {_list(names)}",
        fix=problems.corrected(_place(selector, sought), sought, names),
    )


def _place(selector: Selector, name: str) -> SpecPath:
    """Return where one of a selector's names stands."""
    match selector.kind:
        case "upto" | "after":
            return (*selector.path, selector.kind)
        case "between":
            return (*selector.path, "from" if name == selector.pattern else "to")
        case _:
            return selector.path


def _list(names: Iterable[str], limit: int = 6) -> str:
    ordered = list(names) if isinstance(names, tuple) else sorted(names)
    shown = ", ".join(repr(name) for name in ordered[:limit])
    rest = len(ordered) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown
