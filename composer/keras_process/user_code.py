"""The code of the user's that a Keras process may import, because the spec names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCode:
    """Where modules are looked for, and what is imported before the user's classes are needed.

    Attributes:
        first: folders that come before Python's own path.
        last: folders that come behind it.
        modules: imported, so that the classes in them are registered.
        objects: classes, as ``package.module:Class``, that Keras is told of by their names.
    """

    first: tuple[Path, ...] = ()
    last: tuple[Path, ...] = ()
    modules: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()

    def document(self) -> Mapping[str, Any]:
        """Return it as plain JSON, for a Keras process."""
        return {
            "first": [str(path.absolute()) for path in self.first],
            "last": [str(path.absolute()) for path in self.last],
            "modules": list(self.modules),
            "objects": list(self.objects),
        }


NO_CODE = UserCode()


def code_of(spec: Spec) -> UserCode:
    """Return the code that a spec names: the modules of its ``py:`` sources, and ``objects``.

    They, and the classes of new layers, are looked for in the folders of the spec files, then on
    Python's own path, at last in the folder where the command runs.
    """
    functions = [source for source in spec.sources if source.location.startswith("py:")]
    naming = [source for source in spec.sources if source.objects or source in functions]
    folders = [Path(spec.file).parent, *(source.directory for source in naming)]
    targets = [source.location.removeprefix("py:") for source in functions]
    return UserCode(
        first=tuple(dict.fromkeys(folder.absolute() for folder in folders)),
        last=(Path.cwd(),),
        modules=tuple(dict.fromkeys(target.partition(":")[0] for target in targets)),
        objects=tuple(dict.fromkeys(name for source in naming for name in source.objects)),
    )
