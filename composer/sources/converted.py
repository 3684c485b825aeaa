"""Files that a function reads as a model's config and arrays: made into ``.keras`` files once.

For plug-ins: the function does what only it can, and the rest is as for every other file, from the
digest that the spec asks for to the canonical form in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import getfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.container.archive_write import write_archive
from composer.container.contents import TensorToWrite
from composer.container.digests import digest_file
from composer.errors import FormatError
from composer.keras_process.client import keras_version
from composer.model_files.canonical_file import canonicalise
from composer.sources.existing import checked_file
from composer.sources.kind import Locate
from composer.sources.located import Located
from composer.sources.remembered import remembered_sha256
from composer.spec.source_forms import entry_of

if TYPE_CHECKING:
    from numpy import ndarray

    from composer.sources.context import Context
    from composer.spec.model import Source

_KINDS_OF_NUMBERS = "biuf"
"""Kinds of numpy's dtypes that a ``.keras`` file stores as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds.

    Attributes:
        config: of the model, as ``config.json`` of a ``.keras`` file has it.
        arrays: weights by their paths there, such as ``layers/dense/vars/0``.
    """

    config: Mapping[str, Any]
    arrays: Mapping[str, ndarray]


Read = Callable[[Path, Mapping[str, Any]], Content]
"""Reads a file, given the checked ``args`` of the source.

Raises:
    FormatError: the file is not what it claims to be. The message does not name the source.
"""


def converted_by(read: Read) -> Locate:
    """Return how a kind of file is had that a function reads, without Keras.

    A file is read again when its bytes, the arguments, the version of the package that brings the
    function or the module that defines it change.
    """

    def locate(source: Source, context: Context) -> Located:
        entry = entry_of(source.location)
        assert entry is not None
        path = checked_file(source, (entry.name,), context)
        decides = {
            "kind": entry.name,
            "package": entry.package,
            "version": entry.version,
            "module": digest_file(Path(getfile(read))),
            "sha256": remembered_sha256(path, context.store),
            "args": dict(source.args),
        }

        def make(folder: Path) -> Path:
            written, canonical = folder / "written.keras", folder / "canonical.keras"
            content = read(path, source.args)
            write_archive(
                written,
                metadata={"keras_version": keras_version()},
                config=content.config,
                contents=[_tensor(name, array) for name, array in content.arrays.items()],
            )
            canonicalise(written, canonical)
            return canonical

        about = {"name": path.name, "version": entry.version}
        return Located(path=context.made(entry.package, decides, about, make), made_from=(path,))

    return locate


def _tensor(path: str, array: ndarray) -> TensorToWrite:
    if array.dtype.kind not in _KINDS_OF_NUMBERS:
        raise FormatError("CMP502.not-numbers", what=path, dtype=str(array.dtype))
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return TensorToWrite(
        path=path,
        shape=array.shape,
        dtype=little.dtype.str.replace("=", "<"),
        logical_dtype=array.dtype.name,
        origin=little.tobytes(),
    )
