"""The layer that runs the TensorFlow program of a SavedModel folder.

Like ``keras.layers.TFSMLayer``, but it names the folder by its content, takes signatures of several
inputs, and knows the shapes of its outputs without running the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow

from composer.container.digests import digest_folder

_folders: dict[str, Path] = {}


def allow_programs(folders: Sequence[str]) -> None:
    """Let layers of this process run the programs of these folders, and no others."""
    for folder in folders:
        _folders[digest_folder(Path(folder))] = Path(folder)


@keras.saving.register_keras_serializable(package="composer")
class SavedProgram(keras.layers.Layer):  # type: ignore[misc]
    """Runs one signature of a SavedModel; its variables are those of the signature."""

    def __init__(self, *, program: str, signature: str, **kwargs: Any) -> None:
        """Load the program.

        Args:
            program: digest of the folder.
            signature: name of the function.
            kwargs: of every layer.

        Raises:
            ValueError: nobody allowed the program, or it has no such signature.
        """
        # What goes in is what the signature says, whatever the layer's own dtype.
        super().__init__(**{**kwargs, "autocast": False})
        folder = _folders.get(program)
        if folder is None:
            raise ValueError(
                f"the layer runs the TensorFlow program {program[:12]} of a SavedModel folder, "
                "which no trusted source of the spec is; or the folder was changed meanwhile"
            )
        self.program, self.signature = program, signature
        self._loaded = tensorflow.saved_model.load(str(folder))
        self._function = self._loaded.signatures[signature]
        specs = self._function.structured_input_signature[1]
        self._inputs = [(name, specs[name]) for name in sorted(specs)]
        self._outputs = [
            self._function.structured_outputs[name]
            for name in sorted(self._function.structured_outputs)
        ]
        trainable = {id(variable) for variable in self._function.trainable_variables}
        for variable in self._function.variables:
            self._track_variable(
                keras.Variable(
                    initializer=variable,
                    trainable=id(variable) in trainable,
                    dtype=variable.dtype.name,
                    shape=variable.shape,
                    name=variable.name.replace("/", "_").replace(":", "_"),
                )
            )
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        """Run the program; one input comes bare, several as a list by sorted name."""
        named = {
            name: tensorflow.cast(tensor, spec.dtype)
            for (name, spec), tensor in zip(self._inputs, self._given(inputs), strict=True)
        }
        found = self._function(**named)
        outputs = [found[name] for name in sorted(found)]
        return outputs[0] if len(outputs) == 1 else outputs

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return what the signature says, once the inputs fit it."""
        given = self._given(inputs)
        for (name, spec), tensor in zip(self._inputs, given, strict=True):
            dtype = keras.backend.standardize_dtype(tensor.dtype)
            if not spec.shape.is_compatible_with(tensor.shape) or dtype != spec.dtype.name:
                raise ValueError(
                    f"the signature {self.signature!r} takes {_shown(spec.shape, spec.dtype.name)} "
                    f"as {name!r}, and is given {_shown(tensor.shape, dtype)}"
                )
        outputs = [
            keras.KerasTensor(tuple(output.shape), dtype=output.dtype.name)
            for output in self._outputs
        ]
        return outputs[0] if len(outputs) == 1 else outputs

    def get_config(self) -> dict[str, Any]:
        """Return what makes the same layer again where the folder is known."""
        config = {**super().get_config(), "program": self.program, "signature": self.signature}
        config.pop("autocast", None)
        return config

    def _given(self, inputs: Any) -> list[Any]:
        given: list[Any] = keras.tree.flatten(inputs)
        if len(given) != len(self._inputs):
            raise ValueError(
                f"the signature {self.signature!r} takes {len(self._inputs)} inputs, and is given "
                f"{len(given)}"
            )
        return given


def _shown(shape: Sequence[int | None], dtype: str) -> str:
    sizes = ", ".join("None" if size is None else str(size) for size in shape)
    return f"({sizes}) {dtype}"
