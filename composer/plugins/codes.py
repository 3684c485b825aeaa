"""The pages of the diagnostic codes of plug-ins: ``PACKAGE.CODE``."""

from __future__ import annotations

from typing import Any

from composer.errors import PluginError
from composer.plugins.entry_points import all_of_plugins


def page_of(code: str) -> str | None:
    """Return the page of a plug-in's code, Markdown; None where no installed package has it."""
    package, _, name = code.partition(".")
    for entry in all_of_plugins():
        if entry.package != package:
            continue
        try:
            record: Any = entry.load(object)
        except PluginError:  # told by a spec that uses it
            continue
        if name in record.codes:
            return str(record.codes[name])
    return None
