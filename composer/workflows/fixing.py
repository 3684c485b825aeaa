"""A spec with mistakes → the texts in which those that can be are put right."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from composer.authoring.fixed_texts import FixedFile, SpecTexts
from composer.diagnostics.diagnostic import Diagnostic, Edit
from composer.diagnostics.render import ordered
from composer.errors import ComposeError, UsageError
from composer.spec import spec_from_text
from composer.workflows.pipeline import Prepared, prepare_spec, without_consequences

Progress = Callable[[str], None]
_MOST_ROUNDS = 50
_SELECTION = frozenset({"CMP303", "CMP304", "CMP305", "CMP401", "CMP402", "CMP403"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What fixing a spec gave.

    Attributes:
        files: those that change.
        done: the problems that were put right, in the order in which that was done.
        prepared: the spec with the changes.
    """

    files: tuple[FixedFile, ...]
    done: tuple[Diagnostic, ...]
    prepared: Prepared


def fix_spec(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    deep: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> Fixed:
    """Apply what the diagnostics of a spec offer, again and again, until nothing is left to apply.

    Only the spec and the files that it extends are changed. A fix after which its problem is still
    there, or after which there are errors that the problem could not have hidden, is taken back,
    and so is one that leaves more errors than there were. What is left offers no fix any more.
    Nothing is written.

    Args:
        path: of the spec.
        overrides: from the command line; they are never changed.
        deep: whether Keras may be started.
        offline: whether nothing may be asked of the network.
        progress: called with lines of progress.

    Raises:
        UsageError: the spec can't be read.
        BuildError: as for :func:`composer.workflows.pipeline.prepare`.
    """
    texts = SpecTexts(Path(path))

    def check(changed: Mapping[Path, str]) -> Prepared:
        def read(file: Path) -> bytes:
            return texts.read(file, changed)

        try:
            data = read(Path(path))
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UsageError("CMP114.unreadable-spec", path=path, reason=reason.lower()) from error
        spec, found = spec_from_text(
            data, file=str(path), directory=Path(path).parent, overrides=overrides, read=read
        )
        if spec is None:
            return Prepared(spec=None, plan=None, diagnostics=found)
        prepared = prepare_spec(spec, deep=deep, offline=offline, progress=progress)
        read_so_far = Prepared(spec=spec, plan=None, diagnostics=found)
        left = without_consequences(read_so_far, prepared)
        return replace(prepared, diagnostics=ordered((*found, *left)))

    search = _Search(check, texts)
    state = _State(changed={}, prepared=check({}))
    behind: list[tuple[_State, tuple[Diagnostic, ...]]] = []
    for _ in range(_MOST_ROUNDS):
        found = search.step(state)
        if found is not None:
            behind.append((state, found[0]))
            state = found[1]
            continue
        # What the fixes brought to light had its turn, too: now it shows what each has gained.
        worse = _first_worse(behind, state)
        if worse is None:
            break
        state, attempt = behind[worse]
        del behind[worse:]
        search.refuse(attempt)
    left = tuple(replace(found, fix=()) for found in state.prepared.diagnostics)
    return Fixed(
        files=texts.files(state.changed),
        done=state.done,
        prepared=replace(state.prepared, diagnostics=left),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """Texts that were changed, what they give, and what was put right in them."""

    changed: Mapping[Path, str]
    prepared: Prepared
    done: tuple[Diagnostic, ...] = ()


class _Search:
    """Tries fixes, the next after the last, and remembers those that were no good."""

    def __init__(self, check: Callable[[Mapping[Path, str]], Prepared], texts: SpecTexts) -> None:
        self._check = check
        self._texts = texts
        self._refused: set[tuple[tuple[object, ...], ...]] = set()

    def refuse(self, attempt: Iterable[Diagnostic]) -> None:
        """Never try these fixes together again."""
        self._refused.add(tuple(map(_key, attempt)))

    def step(self, state: _State) -> tuple[tuple[Diagnostic, ...], _State] | None:
        """Return the problems that were put right next, as many as go together, and what is then.

        None where there is nothing more to try.
        """
        while batch := _apart(
            found for found in ordered(state.prepared.diagnostics) if self._offers(found)
        ):
            for attempt in [batch] if len(batch) == 1 else [batch, *([one] for one in batch)]:
                if tuple(map(_key, attempt)) in self._refused:
                    continue
                edits = [edit for found in attempt for edit in found.fix]
                tried = self._texts.edited(state.changed, edits)
                after = _checked(self._check, tried)
                if after is not None and _is_better(state.prepared, after, attempt):
                    done = (*state.done, *attempt)
                    return tuple(attempt), _State(changed=tried, prepared=after, done=done)
                self.refuse(attempt)
        return None

    def _offers(self, found: Diagnostic) -> bool:
        new = (_key(found),) not in self._refused
        return bool(found.fix) and new and self._texts.has(found.fix)


def _first_worse(behind: Sequence[tuple[_State, Sequence[Diagnostic]]], now: _State) -> int | None:
    """Return which fix was the first that more errors than before have come of."""
    for index, (before, fixed) in enumerate(behind):
        # A tab hides all that is behind it, and is wrong whatever that is. Only errors in how the
        # text is read and in what keys it has can come of the spaces in its place.
        last = 3 if all(found.code == "CMP104" for found in fixed) else 6
        old, new = (
            sum(_stage(found.code) <= last for found in state.prepared.errors)
            for state in (before, now)
        )
        if new > old:
            return index
    return None


def write_fixed(files: Sequence[FixedFile]) -> None:
    """Put each file's new text in its place: all of them, or none.

    Raises:
        UsageError: a file has changed in the meantime, or can't be written.
    """
    written: list[tuple[FixedFile, Path]] = []
    placed: list[FixedFile] = []
    try:
        for file in files:
            temporary = file.path.with_name(f".{file.path.name}.{uuid4().hex}.tmp")
            written.append((file, temporary))
            with _told(file):
                _write_beside(file, temporary)
        for file, temporary in written:
            with _told(file):
                temporary.replace(file.path)
            placed.append(file)
    except UsageError:
        for file in placed:
            with suppress(OSError):
                file.path.write_bytes(file.before)
        raise
    finally:
        for _, temporary in written:
            temporary.unlink(missing_ok=True)


def _write_beside(file: FixedFile, temporary: Path) -> None:
    if file.path.read_bytes() != file.before:
        raise UsageError("CMP113.changed-meanwhile", path=file.shown)
    with temporary.open("xb") as stream:
        stream.write(file.after)
        stream.flush()
        os.fsync(stream.fileno())
    shutil.copymode(file.path, temporary)


@contextmanager
def _told(file: FixedFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise UsageError("CMP712.unwritable", path=file.shown, reason=reason) from error


def _apart(offered: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the problems whose edits overlap none of an earlier one; the rest waits a round."""
    taken: list[Edit] = []
    batch = []
    for found in offered:
        if not any(_overlap(edit, other) for edit in found.fix for other in taken):
            taken += found.fix
            batch.append(found)
    return batch


def _overlap(one: Edit, other: Edit) -> bool:
    if os.path.realpath(one.span.file) != os.path.realpath(other.span.file):
        return False
    a, b = _bounds(one), _bounds(other)
    return a[0] <= b[1] and b[0] <= a[1]


def _bounds(edit: Edit) -> tuple[tuple[int, int], tuple[int, int]]:
    span = edit.span
    return (span.line, span.column), (span.end_line, span.end_column)


def _checked(
    check: Callable[[Mapping[Path, str]], Prepared], texts: Mapping[Path, str]
) -> Prepared | None:
    try:
        return check(texts)
    except ComposeError:
        return None


def _key(found: Diagnostic) -> tuple[object, ...]:
    """Return what a problem is known by when lines have moved."""
    return (found.code, found.path, found.message)


def _is_better(before: Prepared, after: Prepared, fixed: Sequence[Diagnostic]) -> bool:
    """Tell whether the problems are gone and no error came that they could not have hidden."""
    old, new = Counter(map(_key, before.diagnostics)), Counter(map(_key, after.diagnostics))
    if any(new[_key(found)] >= old[_key(found)] and not _moved(found, after) for found in fixed):
        return False
    codes = {found.code for found in fixed}
    fewer = len(after.errors) <= len(before.errors)
    stage = max(_stage(found.code) for found in fixed)
    return all(
        _stage(found.code) > stage
        or (found.code in codes and fewer)
        or (_stage(found.code) == stage == 1 and _behind(found, fixed))
        for found in after.errors
        if new[_key(found)] > old[_key(found)]
    )


def _moved(found: Diagnostic, after: Prepared) -> bool:
    """Whether a syntax error, all of which are worded alike, is now one further down."""
    same = [other for other in after.diagnostics if _key(other) == _key(found)]
    return _stage(found.code) == 1 and all(_behind(other, [found]) for other in same)


def _behind(found: Diagnostic, fixed: Sequence[Diagnostic]) -> bool:
    """Whether a problem stands after all that was put right, where a parser had not come yet."""
    places = [(other.span.line, other.span.column) for other in fixed if other.span is not None]
    return found.span is not None and (found.span.line, found.span.column) > max(places)


def _stage(code: str) -> int:
    """Return how early a problem is found; one of an earlier stage may hide those of later ones."""
    if code in _SELECTION:
        return 5
    if code[3] == "1":
        return 1 if code < "CMP120" else 2
    return {"2": 3, "5": 4}.get(code[3], 6)
