"""Pass: the final name of every kept operation of a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from composer.diagnostics.diagnostic import Edit, SpecPath
from composer.diagnostics.suggest import did_you_mean
from composer.graphs.rename import name_problem
from composer.resolver.link import Link
from composer.resolver.nesting import how_to_open
from composer.resolver.problems import Problems
from composer.resolver.select_layers import MOST_EXPLAINED, MOST_WORK
from composer.resolver.topology import Topology
from composer.spec.affixes import affixed, unaffixed
from composer.spec.linear_match import Pattern, TooCostlyError
from composer.spec.model import RenameRule, Source
from composer.spec.selectors import regex_pattern


def name_layers(link: Link, problems: Problems) -> Link:
    """Name every operation that goes in; an input that something is wired to does not."""
    pieces = {}
    for key, piece in link.pieces.items():
        operations = piece.topology.operations
        going_in = [
            name
            for name in operations
            if name in piece.selection.kept
            and (operations[name].kind != "input" or any(name in use.inputs for use in piece.uses))
        ]
        names = final_names(piece.source, going_in, piece.topology, problems)
        pieces[key] = replace(piece, names=names)
    return replace(link, pieces=pieces)


def final_names(
    source: Source,
    kept: Iterable[str],
    topology: Topology,
    problems: Problems,
) -> Mapping[str, str]:
    """Return original name → final name, in the graph's order.

    An exact ``rename`` wins over everything; else the first regex rule that matches all of the
    name, and prefix and suffix around the result. The path of an operation that was inlined from
    a nested model is joined with ``_``; a source kept as one layer has the name it is given.
    """
    wanted, alone = frozenset(kept), unaffixed(source)
    rules = _Rules(source.rename)
    names: dict[str, str] = {}
    used: set[int] = set()
    refused: dict[SpecPath, list[tuple[str, str]]] = {}
    for name in topology.operations:
        if name not in wanted:
            continue
        rule = rules.find(name, problems)
        if rule is None:
            base = _base(source, name)
        else:
            used.add(rule)
            found = source.rename[rule]
            base = rules.renamed(rule, name) if found.regex else found.to
        final = base if name in alone else affixed(base, source.prefix, source.suffix)
        names[name] = final
        if name_problem(final) is not None:
            refused.setdefault(_cause(source, rule), []).append((name, final))
        if final != name and "name" not in topology.operations[name].config:
            problems.add(
                "CMP305",
                ("sources", source.id),
                f"layer {name!r} ({topology.operations[name].class_name}) of source "
                f"{source.id!r} does not keep its name in its config, so it can't become {final!r}",
                at_key=True,
                help="let get_config() of the class include super().get_config(), or leave "
                "prefix and suffix off this source",
            )
    for path, pairs in refused.items():
        _report_refused(source, path, pairs, problems)
    idle = [rule for index, rule in enumerate(source.rename) if index not in used]
    for number, rule_ in enumerate([] if rules.given_up else idle):
        explain = number < MOST_EXPLAINED
        _report_unused(source, rule_, wanted, topology, problems, explain=explain)
    return names


def default_name(source: Source, name: str) -> str:
    """Return the name that a layer gets where no rule renames it."""
    return affixed(_base(source, name), source.prefix, source.suffix)


def _base(source: Source, name: str) -> str:
    return name.replace("/", "_") if source.flatten else name


class _Rules:
    """Rename rules, the exact ones by name.

    Attributes:
        given_up: whether the patterns were too much work, which is reported then (CMP115).
    """

    def __init__(self, rules: Sequence[RenameRule]) -> None:
        self._rules = rules
        self._exact: dict[str, int] = {}
        self._patterns: list[tuple[int, Pattern]] = []
        self._work = 0
        self.given_up = False
        for index, rule in enumerate(rules):
            if rule.regex:
                self._patterns.append((index, regex_pattern(rule.pattern)))
            else:
                self._exact.setdefault(rule.pattern, index)

    def find(self, name: str, problems: Problems) -> int | None:
        """Return the index of the rule that renames ``name``; None where none does."""
        if name in self._exact:
            return self._exact[name]
        for index, pattern in () if self.given_up else self._patterns:
            before = pattern.steps
            try:
                if pattern.fullmatch(name) is not None:
                    return index
            except TooCostlyError as error:
                self._give_up(index, str(error), problems)
                return None
            self._work += pattern.steps - before + 1
            if self._work > MOST_WORK:
                self._give_up(index, "the rules of 'rename' look at too many layers", problems)
                return None
        return None

    def _give_up(self, index: int, message: str, problems: Problems) -> None:
        self.given_up = True
        problems.add(
            "CMP115",
            self._rules[index].path,
            message,
            help="use fewer or simpler patterns, or list the names",
        )

    def renamed(self, index: int, name: str) -> str:
        """Return the name that the rule ``index``, which matches ``name``, gives."""
        rule = self._rules[index]
        new = regex_pattern(rule.pattern).expand(rule.to, name)
        assert new is not None
        return new


def _cause(source: Source, rule: int | None) -> SpecPath:
    """Return the value of the spec that put what Keras refuses into a name.

    Where it is none of them, the name was like that in the file: Keras 2 allowed slashes.
    """
    exact = rule is not None and not source.rename[rule].regex
    for key, affix in (("prefix", source.prefix), ("suffix", source.suffix)):
        if affix and name_problem(affix) is not None and not exact:
            return ("sources", source.id, key)
    if rule is not None:
        return source.rename[rule].path
    return ("sources", source.id)


def _report_refused(
    source: Source, path: SpecPath, pairs: Sequence[tuple[str, str]], problems: Problems
) -> None:
    """Report all names that Keras refuses for one reason in one diagnostic."""
    name, final = pairs[0]
    more = f" and {len(pairs) - 1} more like it" if len(pairs) > 1 else ""
    from_file = path == ("sources", source.id)
    fix: tuple[Edit, ...] = ()
    if from_file:
        slashes = sorted({old.count("/") for old, _ in pairs}, reverse=True)
        rules = ", ".join(_slash_rule(number) for number in slashes)
        help_ = f"rename them all at once:\n  rename: [{rules}]"
    elif path[-1] in ("prefix", "suffix"):
        affix = source.prefix if path[-1] == "prefix" else source.suffix
        help_ = f"use another separator: {path[-1]}: {affix.replace('/', '_')}"
        fix = problems.rewritten(path, affix.replace("/", "_"))
    else:
        help_ = "let the rule give a name without '/'" if final else "let the rule leave some text"
    problems.add(
        "CMP303",
        path,
        f"layer {name!r} of source {source.id!r} would be named {final!r}{more}: "
        f"{name_problem(final)}",
        at_key=from_file,
        help=help_,
        fix=fix,
    )


def _slash_rule(slashes: int) -> str:
    """Return a rename rule, as YAML, for names with this many slashes."""
    pattern = "/".join(["([^/]*)"] * (slashes + 1))
    to = "_".join(f"\\{number}" for number in range(1, slashes + 2))
    return f"{{regex: '{pattern}', to: '{to}'}}"


def _matches_any(rule: RenameRule, topology: Topology) -> bool:
    pattern = regex_pattern(rule.pattern)
    try:
        return any(map(pattern.fullmatch, topology.operations))
    except TooCostlyError:
        return False  # of a name that is not kept


def _report_unused(
    source: Source,
    rule: RenameRule,
    kept: frozenset[str],
    topology: Topology,
    problems: Problems,
    *,
    explain: bool,
) -> None:
    if not rule.regex and rule.pattern in topology.operations:
        wired = topology.operations[rule.pattern].kind == "input"
        problems.add(
            "CMP304",
            rule.path,
            f"{rule.pattern!r} "
            + ("is an input that something is wired to" if wired else "is not kept")
            + f", so renaming it to {rule.to!r} has no effect",
            at_key=True,
            severity="warning",
            help="remove the rule" + ("" if wired else ", or keep the layer"),
        )
        return
    if rule.regex and explain and _matches_any(rule, topology):
        problems.add(
            "CMP304",
            rule.path,
            f"the regex {rule.pattern!r} matches only layers of source {source.id!r} that are not "
            "kept, or that an earlier rule renames, so it has no effect",
            at_key=True,
            severity="warning",
            help="remove the rule",
        )
        return
    problems.add(
        "CMP304",
        rule.path,
        f"rename finds no kept layer {rule.pattern!r} in source {source.id!r}"
        if not rule.regex
        else f"no kept layer of source {source.id!r} matches the regex {rule.pattern!r}",
        at_key=True,
        help=how_to_open(rule.pattern, topology.operations)
        or did_you_mean(rule.pattern, [name for name in topology.operations if name in kept])
        if explain
        else None,
        fix=problems.corrected_key(rule.path, rule.pattern, sorted(kept))
        if explain and not rule.regex
        else (),
    )
