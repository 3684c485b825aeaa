"""The endings of the names of the files that composer reads."""

from __future__ import annotations

from typing import Final

KERAS_SUFFIXES: Final = (".keras",)
LEGACY_SUFFIXES: Final = (".h5", ".hdf5")
SPEC_SUFFIXES: Final = (".yaml", ".yml")
