"""``objects``: classes of the user's own that a source's file names."""

from __future__ import annotations

from composer.errors import SourceError
from composer.spec.model import Source


def check_objects(source: Source) -> None:
    """Refuse classes of ``objects`` that can't be found; their modules are read and not run.

    Raises:
        SourceError: a name is malformed, or there is no such module or class (``objects``).
    """
    if not source.objects:
        return
    from composer.keras_process.code_targets import check_target

    for target in source.objects:
        try:
            check_target(target, source.directory)
        except SourceError as error:
            raise error.about(source=source.id, key="objects") from error
