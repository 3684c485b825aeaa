"""A spec with mistakes → the texts in which those that can be are put right."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from composer.diagnostics.diagnostic import Diagnostic, Edit
from composer.diagnostics.render import ordered
from composer.errors import ComposeError, UsageError
from composer.pipeline import Prepared, prepare_spec
from composer.spec import extends, spec_from_text

Progress = Callable[[str], None]
_MOST_ROUNDS = 50
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(r"\r\n|\n|\r")
_SELECTION = frozenset({"CMP303", "CMP304", "CMP305", "CMP401", "CMP402", "CMP403"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedFile:
    """One file, before and after; ``path`` has no links, ``shown`` is what the user knows it by."""

    path: Path
    shown: str
    before: bytes
    after: bytes


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
    there, or after which there are errors that the problem could not have hidden, is taken back.
    Nothing is written.

    Args:
        path: of the spec.
        overrides: from the command line; they are never changed.
        deep: whether Keras may be started.
        offline: whether nothing may be asked of the network.
        progress: called with lines of progress.

    Raises:
        UsageError: the spec can't be read.
        BuildError: as for :func:`composer.pipeline.prepare`.
    """
    texts = _Texts(Path(path))

    def check(changed: Mapping[Path, str]) -> Prepared:
        def read(file: Path) -> bytes:
            return texts.read(file, changed)

        try:
            data = read(Path(path))
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UsageError(f"the spec '{path}' can't be read: {reason.lower()}") from error
        spec, found = spec_from_text(
            data, file=str(path), directory=Path(path).parent, overrides=overrides, read=read
        )
        if spec is None:
            return Prepared(spec=None, plan=None, diagnostics=found)
        prepared = prepare_spec(spec, deep=deep, offline=offline, progress=progress)
        return replace(prepared, diagnostics=ordered((*found, *prepared.diagnostics)))

    changed: dict[Path, str] = {}
    prepared = check(changed)
    done: list[Diagnostic] = []
    refused: set[tuple[object, ...]] = set()
    for _ in range(_MOST_ROUNDS):
        offered = [
            found
            for found in ordered(prepared.diagnostics)
            if found.fix and _key(found) not in refused and texts.has(found.fix)
        ]
        batch = _apart(offered)
        if not batch:
            break
        for attempt in [batch] if len(batch) == 1 else [batch, *([one] for one in batch)]:
            tried = texts.edited(changed, [edit for found in attempt for edit in found.fix])
            after = _checked(check, tried)
            if after is not None and _is_better(prepared, after, attempt):
                changed, prepared = tried, after
                done += attempt
                break
            if len(attempt) == 1:
                refused.add(_key(attempt[0]))
    return Fixed(files=texts.files(changed), done=tuple(done), prepared=prepared)


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
        raise UsageError(f"{file.shown} has changed in the meantime; nothing was written")
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
        raise UsageError(f"{file.shown} can't be written: {reason}") from error


class _Texts:
    """The files of a spec as they are on disk, and with edits in them."""

    def __init__(self, spec: Path) -> None:
        self._spec = spec
        self._read: dict[Path, bytes] = {}
        self._shown: dict[Path, str] = {}

    def read(self, file: Path, changed: Mapping[Path, str]) -> bytes:
        """Return the bytes of a file, those of its changed text where it has one."""
        identity = Path(os.path.realpath(file))
        if identity not in self._read:
            self._read[identity] = extends.read_bytes(file)
        if identity in changed:
            return self._encoded(identity, changed[identity])
        return self._read[identity]

    def has(self, edits: Iterable[Edit]) -> bool:
        """Tell whether all edits are of files that were read, and readable as text."""
        return all(self._text(Path(os.path.realpath(edit.span.file))) is not None for edit in edits)

    def edited(self, changed: Mapping[Path, str], edits: Iterable[Edit]) -> dict[Path, str]:
        """Return the changed texts with edits that don't overlap."""
        result = dict(changed)
        by_file: dict[Path, list[Edit]] = {}
        for edit in edits:
            identity = Path(os.path.realpath(edit.span.file))
            self._shown.setdefault(identity, edit.span.file)
            by_file.setdefault(identity, []).append(edit)
        for identity, found in by_file.items():
            text = result.get(identity, self._text(identity)) or ""
            result[identity] = _with_edits(text, found)
        return result

    def files(self, changed: Mapping[Path, str]) -> tuple[FixedFile, ...]:
        """Return the files whose bytes are others now."""
        return tuple(
            FixedFile(
                path=identity,
                shown=self._shown[identity],
                before=self._read[identity],
                after=self._encoded(identity, text),
            )
            for identity, text in changed.items()
            if self._encoded(identity, text) != self._read[identity]
        )

    def _text(self, identity: Path) -> str | None:
        try:
            return self._read[identity].decode("utf-8-sig")
        except (KeyError, UnicodeDecodeError):
            return None

    def _encoded(self, identity: Path, text: str) -> bytes:
        mark = _BOM if self._read[identity].startswith(_BOM) else b""
        return mark + text.encode()


def _with_edits(text: str, edits: Iterable[Edit]) -> str:
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    placed = sorted(
        (
            starts[edit.span.line - 1] + edit.span.column - 1,
            starts[edit.span.end_line - 1] + edit.span.end_column - 1,
            edit.replacement,
        )
        for edit in edits
    )
    for start, end, replacement in reversed(placed):
        text = text[:start] + replacement + text[end:]
    return text


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
