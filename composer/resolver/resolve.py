"""``(Spec, model files, facts, downloads) → Resolution``, without reading anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.suggest import start_afresh
from composer.graphs.model_file import ModelFile
from composer.resolver.facts import Answer, Question
from composer.resolver.link import Link
from composer.resolver.passes import INFERRING, JOINING, PLANNING, run
from composer.resolver.plan import Download, Plan
from composer.resolver.unchecked import NOTHING, Unchecked
from composer.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What resolving gave.

    Attributes:
        plan: None when there are errors. One with open questions is a draft: it can be shown and
            not built.
        questions: what Keras has to be asked before the plan can be built; beside errors those
            whose answers may show more of them.
        diagnostics: errors and warnings.
        unchecked: what the questions leave open.
    """

    plan: Plan | None
    questions: tuple[Question, ...]
    diagnostics: tuple[Diagnostic, ...]
    unchecked: Unchecked = NOTHING


def resolve(
    spec: Spec,
    files: Mapping[str, ModelFile],
    facts: Mapping[str, Answer],
    downloads: Mapping[str, Download],
) -> Resolution:
    """Resolve ``spec``: all of the passes, one after the other.

    Args:
        spec: validated.
        files: by source id; a source that could not be opened is missing, and what refers to
            it is passed over, since it was reported already.
        facts: what Keras answered, by question id.
        downloads: by source id what URLs gave.
    """
    return planned(inferred(joined(spec, files, downloads), facts))


def joined(spec: Spec, files: Mapping[str, ModelFile], downloads: Mapping[str, Download]) -> Link:
    """Do the part of :func:`resolve` that needs no facts."""
    start_afresh()
    return run(Link(spec=spec, files=files, downloads=downloads), JOINING)


def inferred(link: Link, facts: Mapping[str, Answer]) -> Link:
    """Do the part that needs facts; with more of them, it is done again with the same ``link``."""
    return run(replace(link, facts=facts), INFERRING)


def planned(link: Link) -> Resolution:
    """Do the rest, and return what came of it all."""
    link = run(link, PLANNING)
    plan = link.plan if link.sound else None
    return Resolution(
        plan=plan,
        questions=link.inferred.questions,
        diagnostics=link.diagnostics,
        unchecked=link.inferred.unchecked if plan is not None else NOTHING,
    )


def refused_layers(spec: Spec, files: Mapping[str, ModelFile]) -> tuple[Diagnostic, ...]:
    """Return what :func:`resolve` will say of layers that can't be linked, once Keras made a file.

    Args:
        spec: validated.
        files: by source id, of some the graph alone. Nothing is said unless all are there.
    """
    link = joined(spec, files, {})
    return tuple(found for found in link.diagnostics if link.whole and found.code == "CMP520")
