"""Our own output formats: a record a file, each registered in ``pyproject.toml``."""
