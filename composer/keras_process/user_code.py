"""The code that a Keras process may import or run, because the spec names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from composer.keras_process.programs import program_folder
from composer.spec.model import Source, Spec
from composer.spec.source_forms import runs_code


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCode:
    """Where modules are looked for, and what is imported before the user's classes are needed.

    Attributes:
        first: folders that come before Python's own path.
        last: folders that come behind it.
        modules: imported, so that the classes in them are registered.
        objects: classes, as ``package.module:Class``, that Keras is told of by their names.
        trusted: ids of sources whose own code, such as an inline Lambda, may run.
        programs: SavedModel folders of trusted sources, which may run.
    """

    first: tuple[Path, ...] = ()
    last: tuple[Path, ...] = ()
    modules: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    programs: tuple[Path, ...] = ()

    def document(self) -> Mapping[str, Any]:
        """Return it as plain JSON, for a Keras process."""
        return {
            "first": [str(path.absolute()) for path in self.first],
            "last": [str(path.absolute()) for path in self.last],
            "modules": list(self.modules),
            "objects": list(self.objects),
            "trusted": list(self.trusted),
            "programs": [str(path.absolute()) for path in self.programs],
        }


NO_CODE = UserCode()


def code_of(spec: Spec) -> UserCode:
    """Return the code that a spec names: of ``py:`` sources, ``objects``, new layers, and trust.

    They, and the classes of new layers, are looked for in the folders of the spec files, then on
    Python's own path, at last in the folder where the command runs. Where a spec names no code,
    nothing is looked for in these folders, whatever Keras imports by itself later.
    """
    classes = tuple(layer.class_name for layer in spec.layers if ":" in layer.class_name)
    code = _code(spec.sources, Path(spec.file).parent, named=bool(classes))
    modules = (name.rpartition(":")[0] for name in classes)
    return replace(code, modules=tuple(dict.fromkeys((*code.modules, *modules))))


def code_of_source(source: Source) -> UserCode:
    """Return the code that one source names, see :func:`code_of`."""
    return _code([source], source.directory, named=False)


def _code(sources: Sequence[Source], folder: Path, *, named: bool) -> UserCode:
    functions = [source for source in sources if runs_code(source)]
    naming = [source for source in sources if source.objects or source in functions]
    named = named or bool(naming)
    folders = [folder, *(source.directory for source in naming)] if named else []
    targets = [source.location.partition(":")[2] for source in functions]
    programs = [program_folder(source) for source in sources if source.trust]
    return UserCode(
        first=tuple(dict.fromkeys(folder.absolute() for folder in folders)),
        last=(Path.cwd(),) if named else (),
        modules=tuple(dict.fromkeys(target.partition(":")[0] for target in targets)),
        objects=tuple(dict.fromkeys(name for source in naming for name in source.objects)),
        trusted=tuple(source.id for source in sources if source.trust),
        programs=tuple(dict.fromkeys(program for program in programs if program is not None)),
    )
