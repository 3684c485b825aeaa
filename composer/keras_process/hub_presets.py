"""Presets of KerasHub: where one is, what decides its content, and what its configs may name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from composer.container.strict_json import read_object
from composer.diagnostics.suggest import nearest
from composer.errors import FormatError, SourceError
from composer.graphs.code_scan import scan
from composer.graphs.graph import Json

BACKBONE: Final = "Backbone"
CONFIGS: Final = ("config.json", "task.json")
"""What KerasHub deserialises of a preset, its tokenizer and other preprocessing aside."""

_PATHS: Final = ("./", "../", "/", "~")
_CARRY_CODE: Final = frozenset(
    {"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "__lambda__"}
)


def hub_version() -> str:
    """Return the version of the installed KerasHub, without importing it.

    Raises:
        SourceError: it is not installed (``hub``).
    """
    try:
        version = metadata.version("keras-hub")
    except metadata.PackageNotFoundError:
        version = ""
    if not version or find_spec("keras_hub") is None:
        raise SourceError("CMP525.no-kerashub")
    return version


def preset_folder(preset: str, directory: Path) -> Path | None:
    """Return the folder that a preset is; None for one that KerasHub knows by its name.

    What has a scheme (``hf://``), or no slash at all, is a name wherever the command runs, whatever
    lies beside the spec.

    Args:
        preset: what follows ``hub:``.
        directory: that a relative path belongs to.

    Raises:
        SourceError: there is no such folder (``CMP501``), or no preset in it (``CMP525``).
    """
    if "://" in preset or not (preset.startswith(_PATHS) or "/" in preset):
        return None
    folder = directory / Path(preset).expanduser()
    if not folder.is_dir():
        raise SourceError("CMP501.no-preset", path=preset, nearest=_beside(preset, folder))
    if not (folder / CONFIGS[0]).is_file():
        raise SourceError("CMP525.not-a-preset", path=preset, expected=CONFIGS[0])
    return folder


def _beside(preset: str, folder: Path) -> tuple[str, ...]:
    try:
        names = sorted(entry.name for entry in folder.parent.iterdir() if entry.is_dir())
    except OSError:
        return ()
    head = preset.rstrip("/").rpartition("/")[0]
    return tuple(f"{head}/{name}" for name in nearest(folder.name, names))


def check_configs(folder: Path, shown: str) -> None:
    """Refuse a preset whose configs name code that is neither Keras's nor KerasHub's.

    Args:
        folder: of the preset.
        shown: the preset in messages.

    Raises:
        SourceError: ``hub``.
        OSError: a config can't be read.
    """
    for name in CONFIGS:
        path = folder / name
        if not path.is_file():
            continue
        try:
            config = read_object(path.read_bytes(), f"{shown}: {name}")
        except FormatError as error:
            raise SourceError("CMP525.config", reason=error.message) from error
        refuse_foreign(config, f"{shown}: {name}")


def refuse_foreign(config: Mapping[str, Json], where: str) -> None:
    """Refuse a config that names a class or function outside of Keras and KerasHub.

    Args:
        config: as KerasHub would deserialise it; configs of other libraries (Transformers, timm)
            name no classes of Keras, and KerasHub translates what it knows of them.
        where: it stands, for messages.

    Raises:
        SourceError: ``hub``.
    """
    for entry in _serialised(config):
        class_name, module = entry.get("class_name"), entry.get("module")
        package = str(entry.get("registered_name") or "").rpartition(">")[0]
        parts = {str(module).partition(".")[0]} if module is not None else set()
        parts |= {package.partition(".")[0]} if package else set()
        if class_name in _CARRY_CODE:
            raise SourceError(
                "CMP525.carries-code", where=where, class_name=str(class_name).strip("_")
            )
        if not parts <= {"keras", "keras_hub", "builtins"}:
            raise SourceError(
                "CMP525.foreign-class",
                where=where,
                class_name=entry.get("registered_name") or class_name,
                module=module or package,
            )
    for found in scan(config):
        raise SourceError("CMP525.names-code", where=where, found=str(found))


def _serialised(config: Json) -> Iterator[Mapping[str, Any]]:
    """Yield everything in a config that Keras would look up by its name."""
    if isinstance(config, list):
        for item in config:
            yield from _serialised(item)
    elif isinstance(config, Mapping):
        if "class_name" in config or "registered_name" in config:
            yield config
        for value in config.values():
            yield from _serialised(value)
