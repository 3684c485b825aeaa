"""``py:package.module:function``: what a function of the user's own returns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.errors import SourceError
from composer.keras_process.code_content import code_content
from composer.keras_process.code_function import check_function
from composer.keras_process.code_search import ModuleSearch
from composer.keras_process.code_targets import file_of_module, parse_target
from composer.keras_process.imports import ImportRequest
from composer.sources.imported import imported_by
from composer.sources.kind import SourceKind


def code_recipe(
    target: str, args: Mapping[str, Any], seed: int, *, directory: Path
) -> ImportRequest:
    """Return the recipe of the model that a function returns; the code is read and not run.

    Args:
        target: ``package.module:function``.
        args: keyword arguments of that function, plain JSON.
        seed: set before the function is called; 0 to 2**32 - 1.
        directory: the folder of the spec that names it: modules are looked for there first, and
            it is the current folder while the function runs.

    Raises:
        SourceError: ``target`` is malformed, or there is no such module or function (``code``),
            or it takes other arguments (``unknown_argument``).
    """
    module, function = parse_target(target)
    search = ModuleSearch(directory)
    file = file_of_module(module, search)
    try:
        check_function(file, function, args)
        content = code_content(module, search)
    except OSError as problem:
        raise SourceError(
            "CMP515.unreadable", path=problem.filename, reason=problem.strerror
        ) from problem
    return ImportRequest(
        importer="py",
        decides={
            "target": target,
            "args": dict(args),
            "seed": seed,
            "code": dict(content.digests),
            "distributions": dict(content.distributions),
        },
        request={
            "task": "import_code",
            "module": module,
            "function": function,
            "args": dict(args),
            "seed": seed,
            "file": str(file.resolve()),
            "folder": str(directory.absolute()),
            "path": list(search.path),
            "own": [str(place.resolve()) for place in content.places],
        },
        about={"target": target, "args": dict(args), "seed": seed},
        downloads=f"py:{target}",
    )


KIND = SourceKind(
    title="function",
    described="py:package.module:function",
    arguments={},
    draws_seed=True,
    runs_code=True,
    locate=imported_by(code_recipe),
)
