"""The versions of the libraries that take part in a build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from typing import Final

WRITERS: Final = ("composer", "h5py", "hdf5")
"""What decides how a file lays out equal content."""
KERAS: Final = ("keras", "tensorflow")
"""What makes new layers and imports models."""
_DISTRIBUTIONS = {"composer": "keras-compose"}


def installed(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of what is named, as far as it is installed."""
    found = {}
    for name in names:
        if name == "hdf5":
            from h5py import version

            found[name] = str(version.hdf5_version)
            continue
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(_DISTRIBUTIONS.get(name, name))
    return found


def other_versions(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return in words what is of another version, by name."""
    return {
        name: f"{name} {then.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in dict.fromkeys((*then, *now))
        if then.get(name) != now.get(name)
    }
