"""The order in which the site shows its pages."""

from __future__ import annotations

NAVIGATION = {
    "Start": ("tutorial", "recipes"),
    "How to": (
        "howto/rename",
        "howto/drop_head",
        "howto/ensemble",
        "howto/siamese",
        "howto/swap_backbone",
        "howto/old_h5",
    ),
    "Guide": (
        "starting",
        "language",
        "pictures",
        "formats",
        "remote",
        "locks",
        "provenance",
        "ci",
        "plugins",
    ),
    "Background": ("linking", "reproducibility", "security", "comparison", "old_files"),
    "Reference": ("reference/spec", "reference/commands", "reference/codes", "reference/python"),
}
"""Captions, and below each the pages without ``.md``. A written page that is in none is a guide."""
