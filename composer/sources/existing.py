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
            f"source {source!r}: {location} names a host before the path",
            reason="missing",
            help=f"write the path itself ({local_path(location)}), or file:/// and the whole path",
        )
    if path.is_dir():
        raise SourceError(
            f"source {source!r}: {location} is a folder, not a {suffixes[0]} file",
            reason="missing",
        )
    if path.is_symlink() and not path.exists():
        raise SourceError(
            f"source {source!r}: {location} is a link that leads to no file",
            reason="missing",
            help=f"it points to {path.readlink()}",
        )
    if path.exists() and not path.is_file():
        raise SourceError(
            f"source {source!r}: {location} is not a regular file; a {suffixes[0]} file "
            "is read at any place, as a pipe or a device can't be",
            reason="missing",
            help="copy what it gives into a file first",
        )
    if not path.exists():
        raise SourceError(
            f"source {source!r}: there is no file {location}",
            reason="missing",
            nearest=_nearby(location, path, suffixes),
            help="neither ~ nor an environment variable is filled in; write the path itself"
            if location.startswith(("~", "$"))
            else "relative paths start in the folder of the spec that contains them; looked for "
            f"{path.name} in {_shown(path.parent)}",
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
            f"source {source!r}: the bytes of {location} are not those that the spec asks for: "
            f"{is_}",
            reason="sha256",
            help="get the right file, or accept this one by changing sha256 in the spec",
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
