"""Imports TensorFlow and Keras, or says why that can't be done."""

from __future__ import annotations

from composer.errors import KerasProcessError

OLDEST = (3, 15, 1)
"""Earlier ones read untrusted models with known holes, and write other files."""

try:
    import keras
    import tensorflow
except ImportError as problem:
    raise KerasProcessError("CMP711.no-keras", reason=str(problem)) from problem

_found = tuple(int(part) for part in keras.__version__.split(".")[:3] if part.isdigit())
if _found < OLDEST[: len(_found)]:
    raise KerasProcessError(
        "CMP711.old-keras", expected=".".join(map(str, OLDEST)), found=keras.__version__
    )

# Where CUDA_VISIBLE_DEVICES means nothing, as with Apple's plug-in.
tensorflow.config.set_visible_devices([], "GPU")
