"""Two specs, plans, locks or artifacts, brought into one form and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic
from composer.difference.comparable import (
    unmade_layers,
    view_of_model,
    view_of_plan,
    view_of_plan_document,
)
from composer.difference.compare import ModelDifference, compare
from composer.difference.compared_model import ComparedModel
from composer.errors import FormatError, SpecError, UsageError
from composer.files.regular import read_regular
from composer.files.suffixes import KERAS_SUFFIXES, SPEC_SUFFIXES
from composer.files.unfinished import temporary_folder
from composer.record.build_record import NOTHING, BuildRecord, LayerRecord
from composer.record.lock_file import lock_from_text
from composer.record.lock_view import beside_lock, view_of_lock
from composer.spec.boundary import Boundary
from composer.spec.model import Spec
from composer.spec.reading import read_spec
from composer.workflows.git_files import GitFile, git_file
from composer.workflows.git_sources import as_git_says, read_old_spec
from composer.workflows.locking import record_prepared
from composer.workflows.pipeline import Prepared, Progress, plan_spec, prepare_spec

_FORMS = "a spec (.yaml), an artifact (.keras), a lock or what 'compose plan --json' wrote (.json)"
_ONLY_NAMES = "the lock holds names and origins of layers only;"


def compare_files(
    before: str,
    now: str,
    overrides: Sequence[str] = (),
    *,
    deep: bool = False,
    progress: Progress | None = None,
) -> ModelDifference:
    """Return what two models differ in.

    Args:
        before: path of a spec, an artifact, a lock or a plan document; or ``REVISION:PATH`` for
            one that git has. A spec of a revision starts from the files of that revision, as far
            as git has them; what it takes as it is now stands in the notes.
        now: the same.
        overrides: for what of the two is a spec; for ``now`` alone where both are the same spec,
            which is so compared with itself under other overrides.
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
) -> Iterator[tuple[ComparedModel, ComparedModel]]:
    """Give two models in the form in which they are compared; see :func:`compare_files`.

    Values of what only git has can be read until the block ends.
    """
    with temporary_folder() as folder:
        reader = _Reader(overrides, deep, progress, folder)
        locks = [reader.lock(argument) for argument in (before, now)]
        if overrides and _is_same_spec(before, now):
            first = replace(reader, overrides=()).view(before, None)
            second = reader.view(now, None)
            yield first, replace(second, shown=" ".join((now, *overrides)))
            return
        yield reader.view(before, locks[1]), reader.view(now, locks[0])


def _is_same_spec(before: str, now: str) -> bool:
    """Tell whether two arguments are one spec, of the same revision or as it is now."""
    files = [git_file(argument) for argument in (before, now)]
    places = [
        (file.revision, file.path) if file is not None else (None, Path(argument).resolve())
        for file, argument in zip(files, (before, now), strict=True)
    ]
    return places[0] == places[1] and places[0][1].suffix in SPEC_SUFFIXES


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what is to be compared; ``scratch`` is for files that only git has."""

    overrides: Sequence[str]
    deep: bool
    progress: Progress | None
    scratch: Path

    def lock(self, argument: str) -> BuildRecord | None:
        """Return the lock that an argument names, None where it names something else."""
        old = git_file(argument)
        path = old.path if old is not None else Path(argument)
        if path.suffix != ".json":
            return None
        data = _bytes(argument, old)
        return lock_from_text(data.decode(), argument) if _is_lock(_json(argument, data)) else None

    def view(self, argument: str, beside: BuildRecord | None) -> ComparedModel:
        """Return one of two models, and what can be held against a lock where the other is one."""
        old = git_file(argument)
        path = old.path if old is not None else Path(argument)
        if path.suffix in SPEC_SUFFIXES:
            return self._of_spec(argument, old, beside)
        if path.suffix in KERAS_SUFFIXES:
            if old is not None:
                path = self._room() / path.name
                with _told(argument):
                    old.write(old.path, path)
            return _of_artifact(path, argument, beside)
        if path.suffix == ".json":
            return _of_document(argument, _bytes(argument, old), beside)
        raise UsageError("CMP113.comparison", path=argument)

    def _of_spec(
        self, argument: str, old: GitFile | None, beside: BuildRecord | None
    ) -> ComparedModel:
        if old is None:
            return self._planned(argument, *read_spec(argument, self.overrides), beside)
        room = self._room()
        with _told(argument):
            was = read_old_spec(argument, old, self.overrides, room)
        try:
            view = self._planned(argument, was.spec, was.diagnostics, beside, was.boundary)
        except SpecError as error:
            raise SpecError(as_git_says(error.diagnostics, old, room)) from error
        return replace(view, notes=(*was.notes, *view.notes))

    def _planned(
        self,
        argument: str,
        spec: Spec | None,
        found: Sequence[Diagnostic],
        beside: BuildRecord | None,
        boundary: Boundary | None = None,
    ) -> ComparedModel:
        if spec is None or any(item.severity == "error" for item in found):
            raise SpecError(found)
        prepared = prepare_spec(spec, deep=self.deep, progress=self.progress, boundary=boundary)
        arguments = {layer.id: layer.args for layer in spec.layers}
        view = view_of_plan(plan_spec(prepared), argument, arguments)
        return view if beside is None else _held_against_lock(view, prepared)

    def _room(self) -> Path:
        """Return a new folder for files that only git has."""
        room = self.scratch / str(len(list(self.scratch.iterdir())))
        room.mkdir()
        return room


def _held_against_lock(view: ComparedModel, prepared: Prepared) -> ComparedModel:
    """Return the view of a spec with what a lock of it would say."""
    unmade = dict.fromkeys(
        unmade_layers(plan_spec(prepared)), LayerRecord(class_name="", seed=0, content="")
    )
    # The folder is that of paths of files, which are not compared.
    now = record_prepared(prepared, Path(), replace(NOTHING, layers=unmade))
    view = beside_lock(view, now, unmade=unmade)
    also = "beyond them, its spec and the digests of its sources and new layers were compared"
    return replace(view, notes=(*view.notes, f"{_ONLY_NAMES} {also}"))


def _of_artifact(path: Path, shown: str, beside: BuildRecord | None) -> ComparedModel:
    from composer.graphs.content_digest import digest_content
    from composer.model_files.read_model import read_model

    try:
        file = read_model(path)
    except OSError as error:
        raise UsageError("CMP114.unreadable", path=shown, reason=error.strerror) from error
    recipe = file.recipe
    view = view_of_model(file, shown, recipe.origins if recipe is not None else {})
    if beside is None:
        return view
    sources = recipe.sources if recipe is not None else {}
    facts = {f"sources.{key}.content": about.content for key, about in sources.items()}
    if "keras" not in beside.artifacts:
        note = f"{_ONLY_NAMES} beyond them, the digests of its sources were compared"
        return replace(view, facts=facts, notes=(note,))
    facts["artifacts.keras.content"] = digest_content(path)
    note = f"{_ONLY_NAMES} beyond them, the digest of the whole content was compared"
    return replace(view, facts=facts, notes=(note,))


def _of_document(argument: str, data: bytes, beside: BuildRecord | None) -> ComparedModel:
    document = _json(argument, data)
    if _is_lock(document):
        return view_of_lock(lock_from_text(data.decode(), argument), argument)
    if isinstance(document, dict) and "link_map" in document:
        _check_plan(argument, document)
        view = view_of_plan_document(document, argument)
        note = f"{_ONLY_NAMES} of a plan, nothing else was compared with it"
        return view if beside is None else replace(view, notes=(note,))
    raise UsageError("CMP118.not-comparable", path=argument)


def _json(argument: str, data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError("CMP118.plan-json", path=argument, reason=str(error)) from error


def _is_lock(document: object) -> bool:
    return isinstance(document, dict) and "artifacts" in document


def _check_plan(argument: str, document: object) -> None:
    import jsonschema

    from composer.spec.schema_file import schema_text

    schema = json.loads(schema_text("plan"))
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(document):
        where = ".".join(str(step) for step in problem.path) or "the document"
        raise FormatError("CMP118.invalid-plan", path=argument, where=where, reason=problem.message)


def _bytes(argument: str, old: GitFile | None) -> bytes:
    with _told(argument):
        return old.read() if old is not None else read_regular(Path(argument))


@contextmanager
def _told(argument: str) -> Iterator[None]:
    """Say of a file that can't be read which one it is."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(
            "CMP114.unreadable", path=argument, reason=reason[:1].lower() + reason[1:]
        ) from error
