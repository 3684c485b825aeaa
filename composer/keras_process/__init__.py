"""Processes that run Keras, and the TensorFlow-free functions that start them.

Only the files under ``tasks/`` import Keras, and only inside a process of their own.
"""

from __future__ import annotations

from composer.keras_process.applications import application_names, check_application
from composer.keras_process.asking import ask, recall
from composer.keras_process.client import keras_version, run
from composer.keras_process.imports import import_application
from composer.keras_process.verification import (
    InputReport,
    SourceComparison,
    Verification,
    WholeSource,
    verify,
)

__all__ = [
    "InputReport",
    "SourceComparison",
    "Verification",
    "WholeSource",
    "application_names",
    "ask",
    "check_application",
    "import_application",
    "keras_version",
    "recall",
    "run",
    "verify",
]
