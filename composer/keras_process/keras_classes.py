"""The layers and operations of the installed Keras, read from its source as text."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from composer.legacy.h5.keras3 import KnownClasses

_OPERATION = re.compile(r"^class (\w+)\((?:\w+\.)?Operation\)", re.MULTILINE)
_EXPORT = re.compile(r"\b([A-Z]\w+) as ([A-Z]\w+)")


@cache
def known_classes() -> KnownClasses:
    """Return the classes of the installed Keras; none where it is not found or laid out otherwise.

    Layers are what ``keras/layers/__init__.py`` exports, operations the subclasses of
    ``Operation`` in ``keras/src/ops``.
    """
    found = find_spec("keras")
    if found is None or found.origin is None:
        return KnownClasses(layers={}, operations={})
    package = Path(found.origin).parent
    operations = {
        name: f"keras.src.ops.{path.stem}"
        for path in sorted(package.glob("src/ops/*.py"))
        if not path.stem.endswith("_test")
        for name in _OPERATION.findall(_text(path))
    }
    exports = _EXPORT.findall(_text(package / "layers" / "__init__.py"))
    layers = {exported: exported for _, exported in exports}
    for class_name, exported in exports:
        layers.setdefault(class_name, exported)
    return KnownClasses(layers=layers, operations=operations)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
