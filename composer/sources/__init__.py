"""Where models come from: one importer a kind of source, and the table that picks it."""

from composer.sources.open_sources import OpenedSources, open_sources

__all__ = ["OpenedSources", "open_sources"]
