"""composer, the linker for Keras models: a YAML spec and its sources become one model.

    import composer

    plan = composer.plan("specs/model.yaml")
    artifact = composer.build("specs/model.yaml", ["vars.classes=5"])
    composer.inspect("models/tower.keras").parameters

Importing this package loads nothing heavy; what a function needs is loaded by its first use.
"""

from __future__ import annotations

import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # `python -m composer` looks into the current folder before the standard library: a file
    # yaml.py or typing.py there would run. The folder of composer itself stays, at the end.
    _here = sys.path.pop(0)
    if __file__.rpartition("/composer/")[0] == _here:
        sys.path.append(_here)

import importlib
from typing import TYPE_CHECKING, Any

from composer.errors import (
    BuildError,
    ComposeError,
    DriftError,
    FormatError,
    KerasProcessError,
    SourceError,
    SpecError,
    UsageError,
)

if TYPE_CHECKING:
    from composer.api import build, load_spec, plan, verify
    from composer.authoring.inspection import inspect_model as inspect

__version__ = "0.1.0"

_LAZY = {
    "build": ("composer.api", "build"),
    "inspect": ("composer.authoring.inspection", "inspect_model"),
    "load_spec": ("composer.api", "load_spec"),
    "plan": ("composer.api", "plan"),
    "verify": ("composer.api", "verify"),
}

__all__ = [
    "BuildError",
    "ComposeError",
    "DriftError",
    "FormatError",
    "KerasProcessError",
    "SourceError",
    "SpecError",
    "UsageError",
    "__version__",
    "build",
    "inspect",
    "load_spec",
    "plan",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public function when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LAZY[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, those included that are not loaded yet."""
    return sorted({*globals(), *_LAZY})
