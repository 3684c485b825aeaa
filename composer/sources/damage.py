"""Damage that shows only when all of a file is read, told where the spec names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from composer.errors import FormatError, SpecError
from composer.resolver.problems import Problems
from composer.spec.model import Spec

_CODE = "CMP502"


@contextmanager
def damage_told(spec: Spec, source: str, named: str = "from") -> Iterator[None]:
    """Run a block that reads a file of a source to its end.

    Args:
        spec: that names it.
        source: its id.
        named: the key of the source that names the file.

    Raises:
        SpecError: the file is damaged (``CMP502``).
    """
    try:
        yield
    except FormatError as error:
        problems = Problems(spec.positions)
        problems.add(
            _CODE,
            ("sources", source, named),
            f"source {source!r}: {error.message}",
            help=error.help or "fetch the file again, or save the model again in Keras",
        )
        raise SpecError(problems.found) from error
