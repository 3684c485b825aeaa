"""Whether what stands in a place is what a build would write there, and if not, why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from composer.container.digests import digest_sums
from composer.errors import BuildError
from composer.files.file_times import TICK, settle
from composer.files.keys import key_of
from composer.outputs.origins import Origin, changed_so_far, origins, reasons
from composer.outputs.written import WrittenFile
from composer.resolver.plan import Plan
from composer.sources.remembered import remembered_sha256
from composer.sources.states import source_states
from composer.spec.model import Destination, Spec
from composer.store import Store

_KIND = "results"
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in a place.

    Attributes:
        file: it, where it is what a build would write; None where it is not.
        built: whether an earlier build is remembered to have written there.
        reasons: why it is not what a build would write; none where it was never built.
    """

    place: Destination
    file: WrittenFile | None = None
    built: bool = True
    reasons: tuple[str, ...] = ()


def look(
    plan: Plan, spec: Spec, places: Sequence[Destination], store: Store
) -> tuple[Standing, ...]:
    """Look at all places, and read no source where nothing stands there.

    Args:
        plan: complete.
        spec: that it is the plan of.
        places: that it is written to.
        store: remembers digests of files.

    Raises:
        FormatError: a source is damaged.
        BuildError: something can't be read.
    """
    empty = [unbuilt(place, store) for place in places]
    found = tuple(item for item in empty if item is not None)
    if len(found) == len(places):
        return found
    made_from = origins(plan, source_states(plan, spec, store), spec, places, store)
    return tuple(
        item or standing(place, origin, store)
        for item, place, origin in zip(empty, places, made_from, strict=True)
    )


def standing(place: Destination, origin: Origin, store: Store) -> Standing:
    """Look at what stands in a place; its bytes are read where the store trusts no times.

    Raises:
        BuildError: it can't be read.
    """
    with _reading():
        return _standing(place, origin, store)


def _standing(place: Destination, origin: Origin, store: Store) -> Standing:
    empty = unbuilt(place, store)
    note = store.note(_KIND, _name(place))
    if empty is not None or note is None:
        return empty or Standing(place=place, built=False)
    parts, sha256, size = note["parts"], note["sha256"], note["size"]
    if origin.key is None or note.get("key") != origin.key:
        return Standing(place=place, reasons=tuple(reasons(parts, origin)))
    stamp = _stamp(place.path)
    known = store.trusts_times and stamp is not None and stamp == note.get("stamp")
    if not known and _digest(place.path, store) != sha256:
        return Standing(place=place, reasons=("it was changed since it was built",))
    file = WrittenFile(
        path=place.path,
        format=place.format,
        sha256=sha256,
        size=size,
        fresh=True,
        now=place.path,
    )
    # Taken again, so that it is not forgotten as long as it is of use.
    _note(file, origin, stamp, store)
    return Standing(place=place, file=file)


def look_before_keras(
    plan: Plan | None,
    spec: Spec,
    places: Sequence[Destination],
    store: Store,
    waiting: Sequence[str],
) -> tuple[Standing, ...]:
    """Look at all places while something waits for Keras: what stands there counts as stale.

    Args:
        plan: as far as it goes; None where there is none yet.
        spec: that the results are of.
        places: that it is written to.
        store: remembers what earlier builds wrote.
        waiting: for what, in words; what is known to have changed is said before it.

    Raises:
        FormatError: a source is damaged.
        BuildError: one can't be read.
    """
    return tuple(
        unbuilt(place, store)
        or Standing(place=place, reasons=(*_changed_so_far(place, plan, spec, store), *waiting))
        for place in places
    )


def _changed_so_far(
    place: Destination, plan: Plan | None, spec: Spec, store: Store
) -> tuple[str, ...]:
    note = store.note(_KIND, _name(place))
    return () if note is None else changed_so_far(note["parts"], spec, plan, store)


def unbuilt(place: Destination, store: Store) -> Standing | None:
    """Return what is to be said of a place that holds no result of an earlier build, or None."""
    note = store.note(_KIND, _name(place)) or {}
    sound = [
        isinstance(note.get(name), kind)
        for name, kind in (("parts", dict), ("sha256", str), ("size", int))
    ]
    if not all(sound):
        return Standing(place=place, built=False)
    if not place.path.exists():
        return Standing(place=place, reasons=("it no longer exists",))
    return None


def remember(files: Sequence[WrittenFile], origins: Sequence[Origin], store: Store) -> None:
    """Remember what results were built from.

    Args:
        files: that took their places a moment ago.
        origins: one a file.
        store: what lies in it is on its way elsewhere, and not remembered.
    """
    for file, origin in zip(files, origins, strict=True):
        if file.fresh or file.path.absolute().is_relative_to(store.root):
            continue
        with suppress(OSError):
            changed = file.path.stat().st_ctime_ns
            if changed % _SECOND:  # else no stamp is taken, however long one waits
                settle(changed)
            # Another build may have taken the place since.
            if file.path.stat().st_ino == file.inode:
                _note(file, origin, _stamp(file.path), store)


def _note(file: WrittenFile, origin: Origin, stamp: str | None, store: Store) -> None:
    place = Destination(path=file.path, format=file.format)
    content = {
        "key": origin.key,
        "parts": dict(origin.parts),
        "sha256": file.sha256,
        "size": file.size,
        "stamp": stamp,
    }
    with suppress(BuildError):  # a store that can't be written costs a build, nothing else
        store.take_note(_KIND, _name(place), content)


def _name(place: Destination) -> str:
    return f"{place.format} {place.path.parent.resolve() / place.path.name}"


# ---------------------------------------------------------------- what stands there


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BuildError(
            f"{error.filename or 'the current folder'} can't be read: {error.strerror}",
            code="CMP713",
        ) from error


def _digest(path: Path, store: Store) -> str:
    return digest_sums(path) if path.is_dir() else remembered_sha256(path, store)


def _stamp(path: Path) -> str | None:
    """Return by what a result is known again without being read.

    Returns:
        None where a change in place might not show: within a tick of the file system's clock, or
        where that clock is a coarse one.
    """
    states = []
    before = time.time_ns() - TICK
    for file in (path, *(sorted(path.rglob("*")) if path.is_dir() else ())):
        status = file.stat()
        if not status.st_ctime_ns % _SECOND or status.st_ctime_ns > before:
            return None
        times = (status.st_mtime_ns, status.st_ctime_ns)
        name = str(file.relative_to(path))
        states.append((name, status.st_dev, status.st_ino, status.st_size, *times))
    return key_of(states)
