"""What the tests of cases share: save a model, build a spec, load the result, compare bits."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare

FILES = Path(__file__).with_name("files")


class Case:
    """A folder with the models and specs of one case."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store

    def save(self, name: str, make: Callable[[], Any], seed: int = 0) -> Any:
        """Make a model as a process of its own would name it, give it values, and save it."""
        import keras
        from keras.src.utils import naming

        naming.reset_uids()
        model = make()
        give_values(model, seed)
        model.save(self.folder / f"{name}.keras")
        assert isinstance(model, keras.Model)
        return model

    def build(self, spec: str, *, deep: bool = False, name: str = "result") -> Any:
        """Build a spec and load what came out in plain Keras."""
        import keras

        return keras.saving.load_model(self.artifact(spec, deep=deep, name=name))

    def artifact(self, spec: str, *, deep: bool = False, name: str = "result") -> Path:
        """Build a spec; returns the path of the artifact."""
        prepared = self._prepare(spec, deep=deep)
        assert not prepared.errors, prepared.errors
        return build_spec(prepared, output=self.folder / f"{name}_built.keras").path

    def refused(self, spec: str, *, deep: bool = False) -> tuple[Diagnostic, ...]:
        """Return the errors of a spec that composer must not build."""
        prepared = self._prepare(spec, deep=deep)
        assert prepared.errors
        return prepared.errors

    def warnings(self, spec: str) -> tuple[Diagnostic, ...]:
        """Return the warnings of a spec."""
        found = self._prepare(spec, deep=False).diagnostics
        return tuple(item for item in found if item.severity == "warning")

    def prepared(self, spec: str, *, deep: bool = False) -> Prepared:
        """Return how far a spec without errors can be taken."""
        prepared = self._prepare(spec, deep=deep)
        assert not prepared.errors, prepared.errors
        return prepared

    def _prepare(self, spec: str, *, deep: bool) -> Prepared:
        path = self.folder / "spec.yaml"
        path.write_text(f"version: 1\nname: result\n{spec}", encoding="utf-8")
        return prepare(path, deep=deep, store=self.store)


def give_values(model: Any, seed: int) -> None:
    """Give every variable values of its own, so that no mistake hides behind zeros."""
    import numpy as np

    generator = np.random.default_rng(seed)
    for variable in model.variables:
        shape = tuple(variable.shape)
        if "int" in str(variable.dtype):
            continue
        low, high = (0.5, 1.5) if "variance" in variable.path else (-0.9, 0.9)
        variable.assign(generator.uniform(low, high, shape))


def numbers(*shape: int, seed: int = 7) -> Any:
    """Return random numbers between -1 and 1."""
    import numpy as np

    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def bits(value: Any) -> list[bytes]:
    """Return the bytes of all tensors in ``value``."""
    import keras

    return [keras.ops.convert_to_numpy(tensor).tobytes() for tensor in keras.tree.flatten(value)]


def called(model: Any, *inputs: Any) -> list[bytes]:
    """Return the bytes of what ``model`` gives at inference for ``inputs``."""
    return bits(model(inputs[0] if len(inputs) == 1 else list(inputs), training=False))


def names(model: Any) -> set[str]:
    """Return the names of all operations."""
    return {operation.name for operation in model.operations}


def rewritten(path: Path, member: str, change: Callable[[str], str]) -> None:
    """Change a text in a saved model."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def saved_by(script: str, folder: Path) -> Path:
    """Run a script of ``files/`` as a process of its own, which saves models to ``folder``."""
    done = subprocess.run(
        [sys.executable, str(FILES / script), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder
