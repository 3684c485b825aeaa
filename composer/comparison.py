"""Two specs, plans, locks or artifacts, brought into one form and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from composer.difference.compare import Difference, compare
from composer.difference.view import View
from composer.difference.views import (
    view_of_lock,
    view_of_model,
    view_of_plan,
    view_of_plan_document,
)
from composer.errors import FormatError, SpecError, UsageError
from composer.file_suffixes import KERAS_SUFFIXES, SPEC_SUFFIXES
from composer.git_files import GitFile, git_file
from composer.lock.document import lock_from_text
from composer.pipeline import Progress, plan_spec, prepare_spec
from composer.spec.reading import read_spec, spec_from_text
from composer.unfinished import temporary_folder

_FORMS = "a spec (.yaml), an artifact (.keras), a lock or what 'compose plan --json' wrote (.json)"


def compare_files(
    before: str,
    now: str,
    overrides: Sequence[str] = (),
    *,
    deep: bool = False,
    progress: Progress | None = None,
) -> Difference:
    """Return what two models differ in.

    Args:
        before: path of a spec, an artifact, a lock or a plan document; or ``REVISION:PATH`` for
            one that git has. What a spec of a revision starts from is taken as it is now.
        now: the same.
        overrides: for what of the two is a spec.
        deep: whether Keras may be started for a spec.
        progress: called with lines of progress.

    Raises:
        UsageError: a file can't be read, or is of no known form.
        SpecError: a spec or its sources are wrong.
        FormatError: an artifact is not sound.
        DriftError: a lock is none.
        BuildError: what only Keras can tell is needed, and ``deep`` is not given.
    """
    with opened_views(before, now, overrides, deep=deep, progress=progress) as (first, second):
        return compare(first, second)


@contextmanager
def opened_views(
    before: str,
    now: str,
    overrides: Sequence[str] = (),
    *,
    deep: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[View, View]]:
    """Give two models in the form in which they are compared; see :func:`compare_files`.

    Values of what only git has can be read until the block ends.
    """
    with temporary_folder() as folder:
        reader = _Reader(overrides, deep, progress, folder)
        yield reader.view(before), reader.view(now)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what is to be compared; ``scratch`` is for files that only git has."""

    overrides: Sequence[str]
    deep: bool
    progress: Progress | None
    scratch: Path

    def view(self, argument: str) -> View:
        old = git_file(argument)
        path = old.path if old is not None else Path(argument)
        if path.suffix in SPEC_SUFFIXES:
            return self._of_spec(argument, old)
        if path.suffix in KERAS_SUFFIXES:
            if old is not None:
                path = self.scratch / f"{len(list(self.scratch.iterdir()))}.keras"
                path.write_bytes(_bytes(argument, old))
            return _of_artifact(path, argument)
        if path.suffix == ".json":
            return _of_document(argument, _bytes(argument, old))
        raise UsageError(f"{argument} can't be compared; expected {_FORMS}")

    def _of_spec(self, argument: str, old: GitFile | None) -> View:
        if old is None:
            spec, found = read_spec(argument, self.overrides)
        else:
            spec, found = spec_from_text(
                _bytes(argument, old),
                file=argument,
                directory=old.path.parent,
                overrides=self.overrides,
                read=old.read,
            )
        if spec is None or any(item.severity == "error" for item in found):
            raise SpecError(found)
        prepared = prepare_spec(spec, deep=self.deep, progress=self.progress)
        return view_of_plan(plan_spec(prepared), argument)


def _of_artifact(path: Path, shown: str) -> View:
    from composer.keras_format.read_model import read_model

    try:
        file = read_model(path)
    except OSError as error:
        raise UsageError(f"{shown} can't be read: {error.strerror}") from error
    return view_of_model(file, shown, file.recipe.origins if file.recipe is not None else {})


def _of_document(argument: str, data: bytes) -> View:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{argument} is no JSON: {error}", reason="json") from error
    if isinstance(document, dict) and "artifacts" in document:
        return view_of_lock(lock_from_text(data.decode(), argument), argument)
    if isinstance(document, dict) and "link_map" in document:
        _check_plan(argument, document)
        return view_of_plan_document(document, argument)
    raise UsageError(f"{argument} is neither a lock nor a plan; expected {_FORMS}")


def _check_plan(argument: str, document: object) -> None:
    import jsonschema

    from composer.spec.schema_file import schema_text

    schema = json.loads(schema_text("plan"))
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(document):
        where = ".".join(str(step) for step in problem.path) or "the document"
        raise FormatError(
            f"{argument} is no sound plan: {where}: {problem.message}",
            reason="plan",
            help="compose plan SPEC --json writes one",
        )


def _bytes(argument: str, old: GitFile | None) -> bytes:
    try:
        return old.read() if old is not None else Path(argument).read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(f"{argument} can't be read: {reason[:1].lower()}{reason[1:]}") from error
