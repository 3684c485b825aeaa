"""Files that somebody named: there, of the kind that is meant, and readable."""

from __future__ import annotations

from pathlib import Path

from composer.errors import UsageError
from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES, SPEC_SUFFIXES

_MODEL_SUFFIXES = KERAS_SUFFIXES + LEGACY_SUFFIXES


def readable_file(path: str, suffixes: tuple[str, ...]) -> Path:
    """Return ``path`` when there is a file that may be read.

    Args:
        path: as the user gave it.
        suffixes: of the files that are meant, for suggestions.

    Raises:
        UsageError: there is no such file, it is a folder, or it can't be read.
    """
    file = Path(path)
    _refuse_other_kind(path, suffixes)
    try:
        if file.is_dir():
            raise UsageError(
                "CMP114.folder", path=path, expected=suffixes[0], help=_choices(file, suffixes)
            )
        if not file.is_file():
            file.stat()
            return file  # a pipe: opening it here would wait, or take what its reader needs
        with file.open("rb"):
            return file
    except FileNotFoundError:
        raise UsageError("CMP114.no-file", path=path, help=_nearby(file, suffixes)) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(
            "CMP114.unreadable", path=path, reason=reason[:1].lower() + reason[1:]
        ) from error


def _refuse_other_kind(path: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a model where a spec is meant, and a spec where a model is, by the ending."""
    if path.endswith(suffixes) or not Path(path).is_file():
        return
    means_spec = any(suffix in SPEC_SUFFIXES for suffix in suffixes)
    if means_spec and path.endswith(_MODEL_SUFFIXES):
        raise UsageError("CMP114.model-not-spec", path=path)
    if not means_spec and path.endswith(SPEC_SUFFIXES):
        raise UsageError("CMP114.spec-not-model", path=path)


def _names(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.suffix in suffixes)
    except OSError:
        return []


def _choices(folder: Path, suffixes: tuple[str, ...]) -> str:
    names = _names(folder, suffixes)
    if not names:
        return f"it holds no {suffixes[0]} file"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004
    return f"it holds {', '.join(str(folder / name) for name in names[:3])}{more}"


def _nearby(file: Path, suffixes: tuple[str, ...]) -> str | None:
    from composer.diagnostics.suggest import nearest

    if not file.parent.is_dir():
        return f"there is no folder {file.parent} either"
    found = nearest(file.name, _names(file.parent, suffixes), limit=1)
    return f"did you mean {file.parent / found[0]}?" if found else None
