"""Shapes and dtypes that calls of Keras's own layers give, told without Keras."""

from composer.graphs.static_shapes.table import Answer, Refusal, static_answer

__all__ = ["Answer", "Refusal", "static_answer"]
