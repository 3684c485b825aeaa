"""The last lines about a spec that was validated: what was found, and what was not checked."""

from __future__ import annotations

from composer.cli.numbers import UNREAD, count
from composer.cli.reporting import counted
from composer.diagnostics.render.terminal_text import shown_lines
from composer.resolver.unchecked import Unchecked
from composer.workflows.pipeline import Prepared

_SHOWN = 5


def verdict(spec: str, prepared: Prepared) -> str:
    """Return the last lines about one spec: what was found, and what was not checked.

    A stranger's text in them is escaped, a line at a time.
    """
    parts = []
    if prepared.spec is not None and not prepared.errors:
        parts.append(count(len(prepared.spec.sources), "source"))
    if prepared.plan is not None:
        parts.append(count(len(prepared.plan.graph.operations), "operation"))
        parts.append(UNREAD)
    unchecked = _unchecked(prepared.unchecked)
    rest = "; not checked:" if unchecked else ""
    if prepared.errors:
        words = f"{counted(prepared.diagnostics)} in {spec}"
        fixable = sum(bool(found.fix) for found in prepared.diagnostics)
        first = words + (f" ({fixable} fixable with compose validate --fix)" if fixable else "")
    else:
        fine = "no problem found" if unchecked else "fine"
        word = counted(prepared.diagnostics) if prepared.diagnostics else fine
        first = f"{spec}: {word}" + (f" ({', '.join(parts)})" if parts else "")
    return shown_lines([first + rest, *(f"  {line}" for line in unchecked)])


def _unchecked(found: Unchecked) -> list[str]:
    """Return a line for each kind of thing that was not checked, and how to check them."""
    kinds = (
        ("sources that Keras imports", found.imports),
        ("arguments", found.arguments),
        ("inputs that changed", found.inputs),
        ("output shapes", found.shapes),
    )
    lines = []
    for kind, names in kinds:
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            lines.append(f"{kind}: {', '.join(names[:_SHOWN])}{more}")
    return [*lines, "--deep asks Keras about these"] if lines else []
