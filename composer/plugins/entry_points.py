"""Finds what is registered under a group of entry points: ours first, then that of other packages.

Nothing is loaded to find it: the name of an entry point says all that finding it needs. So a
package that is broken, or slow to import, costs only the specs that use it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from composer.errors import PluginError
from composer.plugins.own_entry_points import OWN_ENTRY_POINTS

OURS: Final = "keras-compose"
_GROUPS = "keras_compose."


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An entry point: a name, and the object that a package registers under it.

    Attributes:
        group: such as ``keras_compose.sources``.
        name: of the entry point.
        target: the object, as ``package.module:NAME``.
        package: the distribution that registers it.
        version: of that distribution; empty for our own.
    """

    group: str
    name: str
    target: str
    package: str
    version: str

    @property
    def is_ours(self) -> bool:
        """Whether it comes with compose itself."""
        return self.package == OURS

    @property
    def provider(self) -> str | None:
        """The package and its version, as in ``compose-toy 1.0``; None for our own."""
        return None if self.is_ours else f"{self.package} {self.version}"

    def load(self, wanted: type[Any]) -> Any:
        """Return the registered object.

        Args:
            wanted: the class that it has to be an instance of.

        Raises:
            PluginError: importing it fails, or it is something else.
        """
        module, _, name = self.target.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:
            if self.is_ours:
                raise
            raise PluginError(
                "CMP560.unloadable",
                package=self.package,
                version=self.version,
                target=self.target,
                reason=f"{type(error).__name__}: {error}",
            ) from error
        if not isinstance(found, wanted):
            raise PluginError(
                "CMP560.other-object",
                package=self.package,
                version=self.version,
                target=self.target,
                name=self.name,
                group=self.group,
                found=type(found).__name__,
                expected=wanted.__name__,
            )
        return found


def ours(group: str) -> Mapping[str, Registered]:
    """Return what we register ourselves, by name."""
    return _ours().get(group, {})


def of_plugins(group: str) -> tuple[Registered, ...]:
    """Return what other packages register, in the order of their names; our names are ours."""
    return _of_plugins(group, tuple(sys.path))


def all_of_plugins() -> tuple[Registered, ...]:
    """Return what other packages register under all of our groups."""
    from importlib import metadata

    groups = sorted(metadata.entry_points().groups)
    ours_ = (group for group in groups if group.startswith(_GROUPS))
    return tuple(entry for group in ours_ for entry in of_plugins(group))


def find(group: str, name: str) -> Registered | None:
    """Return what is registered under a name; None where nothing is.

    Raises:
        PluginError: two packages register the same name.
    """
    own = ours(group).get(name)
    if own is not None:
        return own
    found = [entry for entry in of_plugins(group) if entry.name == name]
    if len(found) > 1:
        packages = [entry.package for entry in found]
        raise PluginError("CMP560.twice", packages=packages, name=name, group=group)
    return found[0] if found else None


@functools.cache
def _of_plugins(group: str, path: tuple[str, ...]) -> tuple[Registered, ...]:  # noqa: ARG001
    # Imported here, as above: it takes longer than most of compose, and few specs name plug-ins.
    from importlib import metadata

    own = ours(group)
    found = {
        entry.name + entry.value: Registered(
            group=group,
            name=entry.name,
            target=entry.value,
            package=entry.dist.metadata["Name"],
            version=entry.dist.version,
        )
        for entry in metadata.entry_points(group=group)
        if entry.dist is not None and entry.name not in own
    }
    return tuple(sorted(found.values(), key=lambda entry: (entry.name, entry.package)))


@functools.cache
def _ours() -> Mapping[str, Mapping[str, Registered]]:
    """Return our own entry points by group and name."""
    return {
        group: {
            name: Registered(group=group, name=name, target=target, package=OURS, version="")
            for name, target in entries.items()
        }
        for group, entries in OWN_ENTRY_POINTS.items()
    }
