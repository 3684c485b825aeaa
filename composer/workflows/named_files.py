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
                f"{path} is a folder; expected a {suffixes[0]} file",
                help=_choices(file, suffixes),
                code="CMP114",
            )
        if not file.is_file():
            file.stat()
            return file  # a pipe: opening it here would wait, or take what its reader needs
        with file.open("rb"):
            return file
    except FileNotFoundError:
        raise UsageError(
            f"there is no file {path}", help=_nearby(file, suffixes), code="CMP114"
        ) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(
            f"{path} can't be read: {reason[:1].lower()}{reason[1:]}", code="CMP114"
        ) from error


def _refuse_other_kind(path: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a model where a spec is meant, and a spec where a model is, by the ending."""
    if path.endswith(suffixes) or not Path(path).is_file():
        return
    means_spec = any(suffix in SPEC_SUFFIXES for suffix in suffixes)
    if means_spec and path.endswith(_MODEL_SUFFIXES):
        raise UsageError(
            f"{path} is a model; expected a spec",
            help=f"compose inspect {path} shows it; compose init {path} writes a spec of it",
            code="CMP114",
        )
    if not means_spec and path.endswith(SPEC_SUFFIXES):
        raise UsageError(
            f"{path} is a spec; expected a model",
            help=f"compose plan {path} shows what it makes",
            code="CMP114",
        )


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
