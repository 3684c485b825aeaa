"""Third pass: the final name of every kept operation of a source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from composer.diagnostics.suggest import did_you_mean
from composer.keras_format.rename import name_problem
from composer.resolver.problems import Problems
from composer.resolver.topology import Topology
from composer.spec.model import RenameRule, Source


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
    wanted = frozenset(kept)
    rules = _Rules.of(source.rename)
    names: dict[str, str] = {}
    used: set[int] = set()
    for name in topology.operations:
        if name not in wanted:
            continue
        rule = rules.find(name)
        if rule is None:
            base = name.replace("/", "_") if source.flatten else name
        else:
            used.add(rule)
            found = source.rename[rule]
            base = re.sub(found.pattern, found.to, name, count=1) if found.regex else found.to
        exact = name == source.nested or (rule is not None and not source.rename[rule].regex)
        final = base if exact else f"{source.prefix}{base}{source.suffix}"
        names[name] = final
        _check_name(source, name, final, problems)
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
    for index, unused in enumerate(source.rename):
        if index not in used:
            _report_unused(source, unused, wanted, topology, problems)
    return names


@dataclass(frozen=True, slots=True)
class _Rules:
    """Rename rules, the exact ones by name."""

    exact: Mapping[str, int]
    patterns: tuple[tuple[int, re.Pattern[str]], ...]

    @classmethod
    def of(cls, rules: Iterable[RenameRule]) -> _Rules:
        exact: dict[str, int] = {}
        patterns = []
        for index, rule in enumerate(rules):
            if rule.regex:
                patterns.append((index, re.compile(rule.pattern)))
            else:
                exact.setdefault(rule.pattern, index)
        return cls(exact, tuple(patterns))

    def find(self, name: str) -> int | None:
        if name in self.exact:
            return self.exact[name]
        return next((index for index, pattern in self.patterns if pattern.fullmatch(name)), None)


def _check_name(source: Source, name: str, final: str, problems: Problems) -> None:
    problem = name_problem(final)
    if problem is None:
        return
    safe = final.replace("/", "_")
    problems.add(
        "CMP303",
        ("sources", source.id),
        f"layer {name!r} of source {source.id!r} would be named {final!r}: {problem}",
        at_key=True,
        help=f'rename it: rename: {{"{name}": {safe}}}' if safe else None,
    )


def _report_unused(
    source: Source,
    rule: RenameRule,
    kept: frozenset[str],
    topology: Topology,
    problems: Problems,
) -> None:
    if not rule.regex and rule.pattern in topology.operations:
        problems.add(
            "CMP304",
            rule.path,
            f"{rule.pattern!r} is not kept, so renaming it to {rule.to!r} has no effect",
            at_key=True,
            help="remove the rule, or keep the layer",
        )
        return
    problems.add(
        "CMP304",
        rule.path,
        f"rename finds no kept layer {rule.pattern!r} in source {source.id!r}"
        if not rule.regex
        else f"no kept layer of source {source.id!r} matches the regex {rule.pattern!r}",
        at_key=True,
        help=did_you_mean(rule.pattern, [name for name in topology.operations if name in kept]),
    )
