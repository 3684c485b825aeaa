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

HUB: Final = "hub"
"""The reason of what is wrong with a preset."""
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
        raise SourceError(
            "KerasHub is not installed, which makes hub: sources",
            reason=HUB,
            help="install it with: pip install 'keras-compose[hub]'",
        )
    return version


def preset_folder(preset: str, directory: Path) -> Path | None:
    """Return the folder that a preset is; None for one that KerasHub knows by its name.

    What has a scheme (``hf://``), or no slash at all, is a name wherever the command runs, whatever
    lies beside the spec.

    Args:
        preset: what follows ``hub:``.
        directory: that a relative path belongs to.

    Raises:
        SourceError: there is no such folder (``missing``), or no preset in it (``hub``).
    """
    if "://" in preset or not (preset.startswith(_PATHS) or "/" in preset):
        return None
    folder = directory / Path(preset).expanduser()
    if not folder.is_dir():
        raise SourceError(
            f"there is no folder {preset}"
            + (", which is a file" if folder.exists() else ", which hub: names as a preset"),
            reason="missing",
            nearest=_beside(preset, folder),
            help="relative paths start in the folder of the spec that contains them; a preset is "
            "the folder that save_to_preset makes",
        )
    if not (folder / CONFIGS[0]).is_file():
        raise SourceError(
            f"{preset} is no preset of KerasHub: it has no {CONFIGS[0]}",
            reason=HUB,
            help='a preset is the folder that backbone.save_to_preset("NAME") makes',
        )
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
            raise SourceError(error.message, reason=HUB, help=error.help) from error
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
                f"{where} holds a {str(class_name).strip('_')}, which carries code of the program "
                "that made it; compose runs no code from a preset",
                reason=HUB,
                help="write it as a layer of Keras where the preset is made",
            )
        if not parts <= {"keras", "keras_hub", "builtins"}:
            raise SourceError(
                f"{where} names {entry.get('registered_name') or class_name} of "
                f"{module or package}, which is neither of Keras nor of KerasHub",
                reason=HUB,
                help="let a function of your own load it (from: py:MODULE:FUNCTION)",
            )
    for found in scan(config):
        raise SourceError(
            f"{where}: {found}; compose runs no code that a preset contains or names",
            reason=HUB,
            help="make the layer without it in Keras, and save the preset again",
        )


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
