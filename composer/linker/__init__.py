"""Plan → artifact: linking, and checking what was written."""
