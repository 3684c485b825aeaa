"""The reference of diagnostic codes: the pages that ``compose explain`` prints, one by one."""

from __future__ import annotations

from composer.diagnostics.codes import codes, page

_FAMILIES = {
    "CMP1": "YAML, extends, overrides and interpolation",
    "CMP2": "Keys, values and references",
    "CMP3": "Names",
    "CMP4": "The graph",
    "CMP5": "Sources",
    "CMP6": "Locks and drift",
    "CMP7": "The build",
}


def code_pages() -> dict[str, str]:
    """Return the list of codes and the page of each, as Markdown by path."""
    found = {f"reference/codes/{code}.md": page(code).text for code in codes()}
    parts = [
        "# Diagnostic codes\n\n`compose explain CODE` prints these pages. A code keeps its "
        "meaning.\n"
    ]
    for family in sorted({code[:4] for code in codes()}):
        members = [code for code in codes() if code.startswith(family)]
        rows = "".join(f"| [{code}](codes/{code}.md) | {page(code).title} |\n" for code in members)
        parts.append(
            f"\n## {family}xx: {_FAMILIES[family]}\n\n| code | problem |\n|---|---|\n{rows}"
        )
    listed = "\n".join(f"/reference/codes/{code}" for code in codes())
    parts.append(f"\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n")
    return {"reference/codes.md": "".join(parts), **found}
