"""Every way to write a spec wrong, beside what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.diagnostics.render import render
from composer.spec import spec_from_text

FOLDER = Path(__file__).parent / "invalid"
SPECS = sorted(FOLDER.glob("*.yaml"))


def overrides_of(data: bytes) -> list[str]:
    """Return the overrides that a fixture's first line asks for."""
    first = data.split(b"\n", 1)[0].decode(errors="replace")
    if not first.startswith("# overrides: "):
        return []
    return first.removeprefix("# overrides: ").split(" | ")


@pytest.mark.parametrize("file", SPECS, ids=lambda file: file.stem)
def test_a_wrong_spec_is_told_what_is_wrong(file: Path, golden) -> None:
    data = file.read_bytes()
    _, diagnostics = spec_from_text(
        data, file=file.name, directory=FOLDER, overrides=overrides_of(data)
    )
    assert diagnostics
    concise = render(diagnostics, "concise")
    full = render(diagnostics, "full")
    golden(file.with_suffix(".txt"), f"{concise}\n{full}")


def test_there_are_at_least_forty_wrong_specs() -> None:
    assert len(SPECS) >= 40


@pytest.mark.parametrize("file", SPECS, ids=lambda file: file.stem)
def test_every_diagnostic_of_a_wrong_spec_stands_somewhere(file: Path) -> None:
    data = file.read_bytes()
    _, diagnostics = spec_from_text(
        data, file=file.name, directory=FOLDER, overrides=overrides_of(data)
    )
    for diagnostic in diagnostics:
        span = diagnostic.span
        assert span is not None
        assert span.line >= 1
        assert span.column >= 1
        assert (span.end_line, span.end_column) >= (span.line, span.column)
