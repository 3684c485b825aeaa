"""The tensors of a result as expressions, and their evaluation."""
