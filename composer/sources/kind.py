"""The record of one kind of source: what its ``from`` tells, and how the model is had.

Ours are in ``composer/sources/kinds``; other packages register theirs, see docs/plugins.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from composer.errors import ComposeError, FormatError, PluginError, SourceError
from composer.sources.located import Located
from composer.spec.locations import is_remote
from composer.spec.source_forms import SourceForm, entry_of

if TYPE_CHECKING:
    from composer.plugins.entry_points import Registered
    from composer.sources.context import Context
    from composer.spec.model import Source

Locate = Callable[["Source", "Context"], Located]
"""Returns the ``.keras`` file of a source; no path where it has to be imported first and the
context forbids that.

Raises:
    SourceError: the source can't be had as the spec describes it.
    FormatError: its file is not what it claims to be.
    BuildError: the import failed for a reason outside of the spec.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind(SourceForm):
    """One kind of source.

    Attributes:
        locate: gives the ``.keras`` file.
    """

    locate: Locate


def kind_of(source: Source) -> SourceKind:
    """Return the kind of a source.

    Raises:
        SourceError: no kind knows this form of ``from`` (``unknown_kind``), or the kind takes no
            ``args`` (``args``).
        PluginError: the plug-in that reads it is broken.
    """
    entry = entry_of(source.location, source.directory)
    if entry is None:
        raise _unknown(source)
    kind: SourceKind = entry.load(SourceKind)
    if is_remote(source.location) and not kind.is_fetched:
        raise _unknown(source)
    if source.args and kind.arguments is None:
        raise no_arguments(source, kind.title)
    return kind if entry.is_ours else replace(kind, locate=_guarded(entry, kind))


def no_arguments(source: Source, title: str) -> SourceError:
    """Return the refusal of ``args`` for a kind of source that takes none."""
    return SourceError("CMP505.args-unused", source=source.id, kind=title, key="args")


def _guarded(entry: Registered, kind: SourceKind) -> Locate:
    """Return how a plug-in reads a source: its codes bear its name, and its bugs are told."""

    def locate(source: Source, context: Context) -> Located:
        try:
            located = kind.locate(source, context)
        except (SourceError, FormatError) as error:
            if error.code in kind.codes:
                error.code = f"{entry.package}.{error.code}"
            raise
        except (ComposeError, OSError):
            raise
        except Exception as error:
            raise PluginError(
                "CMP560.failed",
                plugin=entry.provider,
                package=entry.package,
                reason=f"{type(error).__name__}: {error}",
            ) from error
        if not isinstance(located, Located):
            raise PluginError(
                "CMP560.other-result",
                plugin=entry.provider,
                package=entry.package,
                found=type(located).__name__,
                expected="Located",
            )
        return located

    return locate


def _unknown(source: Source) -> SourceError:
    if is_remote(source.location):
        return SourceError("CMP504.url-extension", source=source.id, location=source.location)
    return SourceError("CMP504.kind", source=source.id, location=source.location)
