"""What the layers of Keras take: a table that ships with the package, read without Keras.

``tests/signatures/make_table.py`` writes the table; no module here imports Keras.
"""

from __future__ import annotations

from composer.signatures.model import Argument, Form, Kind, LayerSignature
from composer.signatures.table import keras_version, layer_names, names_of, signature_of

__all__ = [
    "Argument",
    "Form",
    "Kind",
    "LayerSignature",
    "keras_version",
    "layer_names",
    "names_of",
    "signature_of",
]
