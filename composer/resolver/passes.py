"""The story of a link: every pass and every check, in order, with what holds after each.

A pass takes a :class:`Link` and returns the next one; a check looks at it and reports. They run as
far as they can: a mistake in one source does not hide those in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter

from composer.resolver.check_code import check_code
from composer.resolver.check_idle_keys import check_idle_keys
from composer.resolver.check_loadable import check_loadable
from composer.resolver.check_misplaced import check_misplaced
from composer.resolver.check_names import check_names
from composer.resolver.check_nested import check_nested
from composer.resolver.check_outputs import check_outputs
from composer.resolver.check_refused import check_refused
from composer.resolver.check_uncounted import check_uncounted
from composer.resolver.check_unused import check_unused
from composer.resolver.cut_sources import cut_sources
from composer.resolver.infer_shapes import infer_shapes
from composer.resolver.join_pieces import join_pieces
from composer.resolver.link import Link
from composer.resolver.name_layers import name_layers
from composer.resolver.number_calls import number_calls
from composer.resolver.order_calls import order_calls
from composer.resolver.problems import Problems
from composer.resolver.prune_calls import prune_calls
from composer.resolver.select_layers import select_layers
from composer.resolver.write_plan import write_plan

Condition = Callable[[Link], bool]


def _always(link: Link) -> bool:  # noqa: ARG001
    return True


_whole: Condition = attrgetter("whole")
_sound: Condition = attrgetter("sound")
_linkable: Condition = attrgetter("linkable")


def _planned(link: Link) -> bool:
    return link.plan is not None


@dataclass(frozen=True, slots=True)
class Pass:
    """A step that adds to a link.

    Attributes:
        work: returns the link with what it adds.
        when: tells which links it is for; others it leaves as they are.
    """

    work: Callable[[Link, Problems], Link]
    when: Condition = _always


@dataclass(frozen=True, slots=True)
class Check:
    """A step that reports mistakes and changes nothing.

    Attributes:
        work: reports what it finds.
        when: tells which links it is for.
    """

    work: Callable[[Link, Problems], None]
    when: Condition = _always


Steps = tuple[Pass | Check, ...]

JOINING: Steps = (
    # ------------------------------------------------ each source alone, by its original names
    Check(check_nested),
    # Each source that was opened has a piece. Selectors say which of its calls are kept.
    Pass(select_layers),
    # Each tensor that a kept call takes is settled: it is kept too, or a wire replaces it, or it is
    # reported as cut. From here on no selector is matched again.
    Pass(cut_sources),
    # Each operation that goes in has its final name. From here on no name changes.
    Pass(name_layers),
    Check(check_misplaced),
    # ------------------------------------------------ all of them together, by keys
    # One graph holds the pieces, the new layers and the inputs; each tensor in it is one of the
    # graph, or was reported. From here on no reference of the spec is looked up.
    Pass(join_pieces),
    # Each call comes after what it takes, or a circle was reported. A graph without errors in
    # which no source is missing is whole.
    Pass(order_calls),
    Check(check_outputs, when=_whole),
    # Only calls that an output depends on are left in the order.
    Pass(prune_calls, when=_whole),
    # Only these are left in the graph, and the calls of a layer are counted from 0 in an order in
    # which Keras can make them. From here on no call is added, removed or renumbered.
    Pass(number_calls, when=_whole),
    Check(check_unused, when=_whole),
    Check(check_uncounted, when=_whole),
    Check(check_names),
    Check(check_refused),
)
"""What follows from the spec and the files alone."""

INFERRING: Steps = (
    # The shape of each tensor is recorded, told by Keras, waited for, or behind a problem that was
    # reported. Only here facts are looked at.
    Pass(infer_shapes, when=_linkable),
)
"""What Keras may have to be asked about; repeated when it has answered."""

PLANNING: Steps = (
    # The graph stands under final names in Keras's own order, with a place for every weight. From
    # here on keys are only labels.
    Pass(write_plan, when=_sound),
    Check(check_idle_keys, when=_planned),
    # The plan says which code it lets in; all other code was reported.
    Pass(check_code, when=_planned),
    Check(check_loadable, when=_planned),
)
"""What is made of a graph without errors."""

PASSES: Steps = (*JOINING, *INFERRING, *PLANNING)


def run(link: Link, steps: Iterable[Pass | Check]) -> Link:
    """Return a link after some steps."""
    for step in steps:
        if step.when(link):
            problems = Problems(link.spec.positions)
            done = step.work(link, problems) or link
            link = replace(done, diagnostics=(*link.diagnostics, *problems.found))
    return link
