"""The jobs of compose as functions: prepare, build, lock, verify, compare."""
