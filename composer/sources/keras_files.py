"""A ``.keras`` file on this machine as a source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from composer.diagnostics.suggest import nearest
from composer.errors import SourceError
from composer.sources.context import Context
from composer.spec.model import Source


def locate_keras_file(source: Source, context: Context) -> Path:  # noqa: ARG001
    """Return the file's path; a relative one belongs to the spec that wrote it.

    Raises:
        SourceError: there is no such file (``missing``).
    """
    return existing_file(source, (".keras",))


def existing_file(source: Source, suffixes: tuple[str, ...]) -> Path:
    """Return the path of a file source; a relative one belongs to the spec that wrote it.

    Args:
        source: whose ``from`` is a path.
        suffixes: of files of its kind, the most usual first.

    Raises:
        SourceError: there is no such file (``missing``).
    """
    path = source.directory / Path(source.location).expanduser()
    if path.is_dir():
        raise SourceError(
            f"source {source.id!r}: {source.location} is a folder, not a {suffixes[0]} file",
            reason="missing",
        )
    if path.is_symlink() and not path.exists():
        raise SourceError(
            f"source {source.id!r}: {source.location} is a link that leads to no file",
            reason="missing",
            help=f"it points to {path.readlink()}",
        )
    if path.exists() and not path.is_file():
        raise SourceError(
            f"source {source.id!r}: {source.location} is no ordinary file; a {suffixes[0]} file "
            "is read at any place, as a pipe or a device can't be",
            reason="missing",
            help="copy what it gives into a file first",
        )
    if not path.exists():
        raise SourceError(
            f"source {source.id!r}: there is no file {source.location}",
            reason="missing",
            nearest=_nearby(source, path, suffixes),
            help="relative paths belong to the folder of the file that wrote them; looked for "
            f"{path.name} in {_shown(path.parent)}",
        )
    return path


def check_sha256(source: Source, path: Path) -> None:
    """Refuse the source when its bytes are not those that the spec asks for.

    Raises:
        SourceError: the digests differ (``sha256``).
    """
    if source.sha256 is None:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != source.sha256.lower():
        raise SourceError(
            f"source {source.id!r}: the bytes of {source.location} are not those that the spec "
            f"asks for: sha256 is {found}, expected {source.sha256}",
            reason="sha256",
            help="get the right file, or accept this one by changing sha256 in the spec",
        )


def _nearby(source: Source, path: Path, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in suffixes)
    except OSError:
        return ()
    written = Path(source.location)
    return tuple(str(written.with_name(name)) for name in nearest(path.name, names))


def _shown(folder: Path) -> str:
    return str(folder) if str(folder) != "." else "the current folder"
