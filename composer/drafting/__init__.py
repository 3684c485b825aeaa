"""Model files → a first spec that joins them, with what only its author can decide as comments."""
