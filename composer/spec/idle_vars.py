"""Variables that a spec declares and nothing in it uses (CMP306)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from composer.diagnostics.diagnostic import Diagnostic
from composer.spec.source_text import COMMAND_LINE
from composer.spec.tree import MapNode, Node, Scalar, walk

_USED = re.compile(r"""\bvars\s*(?:\.\s*|\[\s*["']?)([A-Za-z0-9_-]+)""")
_WHOLE = re.compile(r"\$\{\s*\.*\s*vars\s*\}|\$\{[^}]*\$\{|\$\{\s*\.")
"""What may use any of them: ``${vars}``, one interpolation in another, or a relative one."""


def idle_vars(root: Node, file: str) -> Iterator[Diagnostic]:
    """Yield a warning for each variable that nothing uses.

    Those of a file that the spec extends are left alone: they are there for several specs.

    Args:
        root: a tree before anything is filled in.
        file: that the spec was read from.
    """
    declared = root.entries.get("vars") if isinstance(root, MapNode) else None
    if declared is None or not isinstance(declared.node, MapNode):
        return
    texts = [
        node.value
        for _, node in walk(root)
        if isinstance(node, Scalar) and isinstance(node.value, str) and "${" in node.value
    ]
    if any(_WHOLE.search(text) for text in texts):
        return
    used = {found[1] for text in texts for found in _USED.finditer(text)}
    for name, entry in declared.node.entries.items():
        if name not in used and entry.key_place.source.file in (file, COMMAND_LINE):
            yield Diagnostic(
                code="CMP306",
                severity="warning",
                message=f"'{name}' has no effect: nothing uses ${{vars.{name}}}",
                path=("vars", name),
                span=entry.key_place.span,
                help="remove it; the result is the same without",
            )
