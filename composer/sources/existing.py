"""The file of this machine that a source names: there, ordinary, and with the right bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from composer.container.digests import digest_file
from composer.diagnostics.suggest import nearest
from composer.errors import SourceError
from composer.spec.locations import local_path, names_host
from composer.spec.model import Source

if TYPE_CHECKING:
    from composer.sources.context import Context

_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def checked_file(source: Source, suffixes: tuple[str, ...], context: Context) -> Path:
    """Return the path of a file source once it is known to be there, with the right bytes.

    Raises:
        SourceError: there is no such file (``missing``), or its bytes are not those that the spec
            asks for (``sha256``).
    """
    path = existing_file(source, suffixes, context)
    if context.fetched is None:  # else its digest was checked when it was fetched
        check_sha256(source, path)
    return path


def existing_file(source: Source, suffixes: tuple[str, ...], context: Context) -> Path:
    """Return the path of a file source once it is known to be an ordinary file.

    Args:
        source: whose ``from`` is a path.
        suffixes: of files of its kind, the most usual first.
        context: of the import.

    Raises:
        SourceError: there is no such file (``missing``).
    """
    return existing(source.id, source.location, context.file_of(source), suffixes)


def existing(source: str, location: str, path: Path, suffixes: tuple[str, ...]) -> Path:
    """Return the path of a file that a source names.

    Args:
        source: its id.
        location: the path, as the spec has it.
        path: that it means.
        suffixes: of files of its kind, the most usual first.

    Raises:
        SourceError: there is no such file (``missing``).
    """
    if names_host(location):
        raise SourceError(
            "CMP501.url-host", source=source, location=location, better=local_path(location)
        )
    if path.is_dir():
        raise SourceError("CMP501.folder", source=source, location=location, expected=suffixes[0])
    if path.is_symlink() and not path.exists():
        raise SourceError(
            "CMP501.dead-link", source=source, location=location, target=path.readlink()
        )
    if path.exists() and not path.is_file():
        raise SourceError(
            "CMP501.not-regular", source=source, location=location, expected=suffixes[0]
        )
    if not path.exists() and location.startswith(("~", "$")):
        raise SourceError("CMP501.not-filled-in", source=source, location=location)
    if not path.exists():
        raise SourceError(
            "CMP501.no-file",
            source=source,
            location=location,
            name=path.name,
            folder=_shown(path.parent),
            nearest=_nearby(location, path, suffixes),
        )
    return path


def check_sha256(source: Source, path: Path) -> None:
    """Refuse the source when its bytes are not those that the spec asks for.

    Raises:
        SourceError: the digests differ (``sha256``).
    """
    check_digest(source.id, source.location, path, source.sha256)


def check_digest(source: str, location: str, path: Path, sha256: str | None) -> None:
    """Refuse a file that a source names when its bytes are others than the spec asks for.

    Raises:
        SourceError: the digests differ (``sha256``).
    """
    if sha256 is None:
        return
    found = digest_file(path)
    if found != sha256.lower():
        # The digest of a short secret gives it away, and a link may lead to one.
        is_ = f"sha256 is {found}, expected {sha256}" if _holds_model(path) else "it is no model"
        raise SourceError(
            "CMP503.digest", source=source, location=location, found=is_, key="sha256"
        )


def _holds_model(path: Path) -> bool:
    """Tell by its first bytes whether a file is a zip archive or an HDF5 file."""
    with path.open("rb") as file:
        return file.read(len(_HDF5)).startswith((_ZIP, _HDF5))


def _nearby(location: str, path: Path, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in suffixes)
    except OSError:
        return ()
    folder = location.removesuffix(path.name)
    return tuple(folder + name for name in nearest(path.name, names))


def _shown(folder: Path) -> str:
    return str(folder) if str(folder) != "." else "the current folder"
