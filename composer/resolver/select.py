"""First pass: which of a source's operations its selectors keep, by their original names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from composer.diagnostics.diagnostic import SpecPath
from composer.diagnostics.suggest import did_you_mean
from composer.resolver.dead_selectors import why_dead
from composer.resolver.problems import Problems
from composer.resolver.topology import Topology
from composer.spec.linear_match import Pattern, TooCostlyError
from composer.spec.model import Selector, Source
from composer.spec.selectors import glob_pattern, regex_pattern

MOST_WORK = 20_000_000
"""Names looked at, and instructions of patterns, for all selectors of a source: some seconds."""
MOST_EXPLAINED = 50
"""For so many selectors or rules that match nothing it is looked for what may have been meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Names of a source's operations.

    Attributes:
        kept: what include leaves and exclude does not take away, and the input layers that
            feed it.
        included: named by an ``include`` selector; all, if there is none.
        named: named by an ``exclude`` selector.
        excluded: named by an ``exclude`` selector, or outside ``include``.
        bypass: named by a ``bypass`` selector.
        frozen, unfrozen: named by ``freeze`` and ``unfreeze``.
        found: what each selector picks.
    """

    kept: frozenset[str]
    included: frozenset[str]
    named: frozenset[str]
    excluded: frozenset[str]
    bypass: frozenset[str]
    frozen: frozenset[str]
    unfrozen: frozenset[str]
    found: Mapping[Selector, frozenset[str]] = field(default_factory=dict)


def select(source: Source, topology: Topology, problems: Problems) -> Selection:
    """Apply a source's selectors. A selector that matches nothing is reported (CMP401)."""
    everything = frozenset(topology.operations)
    matcher = _Matcher(source.id, topology, problems)
    included = everything if source.include is None else matcher.union(source.include)
    excluded = matcher.union(source.exclude)
    kept = included - excluded
    if source.include is not None:
        kept |= {
            name
            for name in everything - excluded
            if topology.operations[name].kind == "input"
            and any(consumer in kept for consumer in topology.consumers[name])
        }
    bypass = matcher.union(source.bypass)
    for selector in source.bypass:
        found = matcher.of(selector)
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
    frozen, unfrozen = matcher.union(source.freeze), matcher.union(source.unfreeze)
    return Selection(
        kept=kept,
        included=included,
        named=excluded,
        excluded=everything - kept,
        bypass=bypass,
        frozen=frozen,
        unfrozen=unfrozen,
        found=matcher.found,
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
        self.found: dict[Selector, frozenset[str]] = {}
        self._work = 0
        self._dead = 0

    def union(self, selectors: Iterable[Selector]) -> frozenset[str]:
        """Return the names of all operations that any of ``selectors`` picks."""
        return frozenset().union(*(self.of(selector) for selector in selectors))

    def of(self, selector: Selector) -> frozenset[str]:
        """Return the names of the operations that ``selector`` picks."""
        if selector not in self.found:
            self.found[selector] = self._matched(selector)
        return self.found[selector]

    def _matched(self, selector: Selector) -> frozenset[str]:
        if self._work > MOST_WORK:
            return frozenset()
        pattern = _pattern(selector)
        before = 0 if pattern is None else pattern.steps
        try:
            names = matches(selector, self._topology)
        except TooCostlyError as error:
            self._report_costly(selector, str(error))
            return frozenset()
        if selector.pattern not in self._topology.operations or selector.kind != "glob":
            self._work += len(self._topology.operations)
        if pattern is not None:
            self._work += pattern.steps - before
        if not names:
            self._dead += 1
            explain = self._dead <= MOST_EXPLAINED
            _report_dead(self._source, selector, self._topology, self._problems, explain=explain)
        if self._work > MOST_WORK:
            self._report_costly(
                selector,
                f"the selectors of source {self._source!r} up to here look at its "
                f"{len(self._topology.operations):,} layers too often",
            )
        return names

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

    Raises:
        TooCostlyError: its pattern can't be matched with one of the names in bounded time.
    """
    names = topology.operations
    pattern = selector.pattern
    match selector.kind:
        case "glob":
            return _glob(pattern, topology)
        case "regex":
            compiled = regex_pattern(pattern)
            return frozenset(name for name in names if compiled.fullmatch(name))
        case "class":
            return frozenset(
                name
                for name, operation in names.items()
                if pattern in (operation.class_name, operation.registered_name)
            )
        case "between":
            return _between(pattern, str(selector.to), topology)
        case "upto":
            return topology.ancestors(pattern) | {pattern} if pattern in names else frozenset()
        case "after":
            return topology.descendants(pattern) if pattern in names else frozenset()


def _glob(pattern: str, topology: Topology) -> frozenset[str]:
    names = topology.operations
    # An exact name always wins: names of Keras 2 may hold any character of a glob.
    if pattern in names:
        return frozenset((pattern,))
    expression = glob_pattern(pattern)
    found = frozenset(name for name in names if expression.fullmatch(name))
    # The name of a nested model that was inlined stands for all that was inside.
    return found or frozenset(name for name in names if name.startswith(f"{pattern}/"))


def _between(first: str, last: str, topology: Topology) -> frozenset[str]:
    if first not in topology.operations or last not in topology.operations:
        return frozenset()
    if first == last:
        return frozenset((first,))
    if last not in topology.descendants(first):
        return frozenset()
    return (topology.descendants(first) & topology.ancestors(last)) | {first, last}


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
