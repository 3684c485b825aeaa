"""The order in which the site shows its pages."""

from __future__ import annotations

NAVIGATION = {
    "Start": ("tutorial", "starting", "recipes"),
    "How to": (
        "howto/rename",
        "howto/drop_head",
        "howto/ensemble",
        "howto/siamese",
        "howto/swap_backbone",
        "howto/old_h5",
    ),
    "Guide": ("language", "formats", "remote", "pictures", "locks", "ci"),
    "Background": ("linking", "reproducibility", "security", "comparison", "old_files"),
    "Reference": ("reference/spec", "reference/commands", "reference/codes", "reference/python"),
}
"""Captions, and below each the pages without ``.md``. A page that is in none fails the build."""
