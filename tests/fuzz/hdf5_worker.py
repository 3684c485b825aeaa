"""Tries many changed weights files in one process, which any of them may end; see ``isolation``.

    python -m tests.fuzz.hdf5_worker FOLDER FIRST COUNT

For each mutant it prints a line before and a line after, so that whoever reads them knows which
one it was. What ``compose`` takes has to be what h5py reads, byte for byte.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import TextIO

import h5py
import numpy as np

from tests.container.minimal import dense_model
from tests.fuzz.hdf5_mutants import mutant, name_of
from tests.fuzz.hdf5_originals import WIDTHS
from tests.fuzz.oracle import compose
from tests.fuzz.originals import SPEC
from tests.security.poison import contents, rewritten

KEPT = 500
"""Mutants after which the store is emptied."""


def main(folder: Path, first: int, count: int, say: TextIO) -> None:
    """Try ``count`` mutants from number ``first`` on, in ``folder``, which is this process's."""
    from composer.container.digests import digest_tensors
    from composer.errors import FormatError

    os.chdir(folder)
    os.environ["COMPOSE_HOME"] = str(folder / "store")
    Path("spec.yaml").write_text(SPEC % "keras", encoding="utf-8")
    source, built = Path("m.keras"), Path("built.keras")
    members = contents(dense_model(source, WIDTHS))
    for number in range(first, first + count):
        say.write(f"try {number} {name_of(number)}\n")
        say.flush()
        data = mutant(number)
        try:
            rewritten(source, {**members, "model.weights.h5": data})
            built.unlink(missing_ok=True)
            inspected = compose("inspect", "m.keras")
            code = compose("build", "--force", "spec.yaml", "-o", "built.keras")
            if inspected == 0:
                digests = digest_tensors(source)
                _same(data, {path: digest.sha256 for path, digest in digests.items()})
            if code == 0:
                _same_in(data, built)
        except AssertionError as error:
            say.write(f"wrong {number} {' '.join(str(error).split())}\n")
            continue
        except FormatError:  # our own reader, which may refuse
            say.write(f"end {number} refused\n")
            continue
        except (OSError, RuntimeError, ValueError, TypeError, LookupError) as error:
            say.write(f"wrong {number} {error!r}\n")
            continue
        say.write(f"end {number} {'built' if code == 0 else 'refused'}\n")
        if number % KEPT == 0:
            shutil.rmtree("store", ignore_errors=True)


def _same(data: bytes, digests: dict[str, str]) -> None:
    """Hold the digests of all tensors against what h5py reads."""
    with h5py.File(io.BytesIO(data), "r") as file:
        for path, digest in digests.items():
            array = _array(file, path)
            if array is not None:
                assert sha256(array).hexdigest() == digest, f"{path} is read otherwise"


def _same_in(data: bytes, built: Path) -> None:
    """Hold the tensors of what was built against what h5py reads from the source."""
    weights = contents(built)["model.weights.h5"]
    with h5py.File(io.BytesIO(data), "r") as file, h5py.File(io.BytesIO(weights), "r") as made:
        paths: list[str] = []
        made.visititems(lambda path, item: paths.append(path) if hasattr(item, "shape") else None)
        for path in paths:
            array = _array(file, path)
            if array is not None:
                assert _array(made, path) == array, f"{path} is built otherwise"


def _array(file: h5py.File, path: str) -> bytes | None:
    """Return little-endian bytes; None for text, and where a name of a group was changed."""
    try:
        dataset = file[path]
    except KeyError:
        return None
    if dataset.dtype.hasobject:
        return None
    array = np.asarray(dataset[()])
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


if __name__ == "__main__":
    talk = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), talk)
    talk.flush()
