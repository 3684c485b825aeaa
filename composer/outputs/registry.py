"""The records of all formats, ours and those of plug-ins, by the names that a spec says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from composer.container.digests import digest_file
from composer.errors import ComposeError, PluginError, UsageError
from composer.files.keys import key_of
from composer.outputs.output_format import OutputFormat
from composer.spec.formats import endings, format_named, format_of


def output_format(name: str) -> OutputFormat:
    """Return the record of a format.

    Args:
        name: of a format that is known.

    Raises:
        PluginError: a plug-in brings it, and can't be loaded.
    """
    found: OutputFormat = format_named(name).registered.load(OutputFormat)
    return found


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Tell what a format of a plug-in does wrong as a mistake of that plug-in.

    Args:
        name: of the format whose functions are called.

    Raises:
        PluginError: one of them fails with something else than an error of compose's.
    """
    entry = format_named(name).registered
    try:
        yield
    except ComposeError:
        raise
    except Exception as error:
        if entry.is_ours:
            raise
        raise PluginError(
            "CMP560.format-failed",
            plugin=entry.provider,
            package=entry.package,
            name=name,
            reason=f"{type(error).__name__}: {error}",
        ) from error


def packages_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the distributions that decide the bytes of formats, besides compose's own."""
    found: dict[str, None] = {}
    for name in names:
        form, registered = output_format(name), format_named(name).registered
        if form.exported:
            found |= dict.fromkeys(("keras", "tensorflow"))
        found |= dict.fromkeys(form.packages)
        if not registered.is_ours:
            found[registered.package] = None
    return tuple(found)


def plugin_code(name: str) -> Mapping[str, str]:
    """Return a digest of the package that brings a format, by what it is; none for ours.

    Its version says as much once it is installed, but not while somebody works on it.
    """
    entry = format_named(name).registered
    if entry.is_ours:
        return {}
    found = find_spec(entry.target.partition(":")[0].partition(".")[0])
    folders = (found.submodule_search_locations if found is not None else None) or ()
    files = [file for folder in folders for file in sorted(Path(folder).rglob("*.py"))]
    if not files and found is not None and found.origin is not None:
        files = [Path(found.origin)]
    return {f"the code of {entry.package}": key_of([digest_file(file) for file in files])}


def artifact_format(artifact: Path) -> str:
    """Return the name of the format that a file or folder is of.

    Raises:
        UsageError: its extension stands for none.
    """
    found = format_of(str(artifact))
    if found is None and artifact.is_dir():
        found = format_of(f"{artifact}/")
    if found is None:
        raise UsageError("CMP113.extension", path=artifact, expected=endings())
    return found.name
