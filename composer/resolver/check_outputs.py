"""Check of the joined graph: it has outputs, and lists each of them once."""

from __future__ import annotations

from composer.diagnostics.diagnostic import SpecPath
from composer.resolver.link import Link
from composer.resolver.problems import Problems
from composer.resolver.tensor_references import JoinedRef


def check_outputs(link: Link, problems: Problems) -> None:
    """Report a model without outputs (CMP416), and a list with one tensor twice (CMP302)."""
    spec, linked = link.spec, link.joined
    if not linked.outputs:
        problems.add(
            "CMP416",
            (),
            "the model has no outputs: no source and no new layer has an open output",
            help="name the outputs of the model: outputs: REFERENCE",
        )
    if linked.form != "list" or spec.outputs.form == "default":
        return
    seen: dict[JoinedRef, SpecPath] = {}
    for (_, ref), (_, reference) in zip(linked.outputs, spec.outputs.references, strict=True):
        if ref in seen:
            problems.add(
                "CMP302",
                reference.path,
                f"outputs lists the tensor {ref} twice",
                notes=[problems.note(seen[ref], "it is listed here already")],
                help="list it once, or give each place a name: outputs: {first: …, second: …}",
            )
        seen.setdefault(ref, reference.path)
