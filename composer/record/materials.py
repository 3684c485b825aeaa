"""What a build read, as one list: what the documents beside an artifact name as its materials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from posixpath import join, normpath
from typing import Literal

from composer.record.build_record import BuildRecord, SourceRecord
from composer.spec.locations import is_remote
from composer.spec.source_forms import has_prefix, recorded_location


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Something that a build read.

    Attributes:
        kind: a spec or what it extends, a source, or a file whose weights took the place of a
            source's own.
        path: ids of the sources that lead to it, the outermost first; none for a spec.
        location: its URL, its path relative to the spec, or what ``from`` says; no secret and no
            folder of a machine is in it.
        sha256: of its bytes; None where it is no file, or its file is not known.
        content: digest of config and tensors; None for what is no model.
        size: of its file in bytes.
        revision: what its server calls its state.
        license: as the spec gives it.
        plugin: the package that read it, with its version.
        seed: that fresh weights were drawn from.
    """

    kind: Literal["spec", "source", "weights"]
    path: tuple[str, ...]
    location: str
    sha256: str | None = None
    content: str | None = None
    size: int | None = None
    revision: str | None = None
    license: str | None = None
    plugin: str | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        """The place in the specs, such as ``sources.tower.sources.base.weights``."""
        if self.kind == "spec":
            return "spec"
        name = ".".join(f"sources.{key}" for key in self.path)
        return f"{name}.weights" if self.kind == "weights" else name


def materials(record: BuildRecord) -> Iterator[Material]:
    """Yield all that a build read: the spec first, then what it extends, then its sources."""
    own = spec_name(record)
    # A record that was read has sorted them.
    for path, digest in sorted(record.spec.files.items(), key=lambda f: (f[0] != own, f[0])):
        yield Material(kind="spec", path=(), location=path, sha256=digest)
    for key, source in record.sources.items():
        yield from _of_source(key, source, record)


def spec_name(record: BuildRecord) -> str:
    """Return the name of the spec's file."""
    return record.spec.file.name if record.spec.file is not None else ""


def time_text(time: datetime) -> str:
    """Return a time of UTC as RFC 3339 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_source(key: str, source: SourceRecord, record: BuildRecord) -> Iterator[Material]:
    """Yield a source, the file of its weights, and what it was linked from itself."""
    folders = record.spec.directories
    yield Material(
        kind="source",
        path=(key,),
        location=_place(source.location, folders.get(f"sources.{key}")),
        sha256=source.sha256 or source.spec,
        content=source.content,
        size=source.size,
        revision=source.revision,
        license=source.license,
        plugin=source.plugin,
        seed=source.seed,
    )
    if source.weights_location is not None:
        location = _place(source.weights_location, folders.get(f"sources.{key}.weights"))
        yield Material(kind="weights", path=(key,), location=location, sha256=source.weights)
    for ids, about in source.made_of.every_source() if source.made_of is not None else ():
        path = (key, *ids)
        yield Material(
            kind="source",
            path=path,
            location=about.location,
            sha256=about.sha256,
            content=about.content,
            revision=about.revision,
            license=about.license,
        )
        if about.weights is not None:
            sha256 = about.weights_sha256
            yield Material(kind="weights", path=path, location=about.weights, sha256=sha256)


def _place(location: str, folder: str | None) -> str:
    """Return a location as seen from the spec; a relative path belongs to the file it stands in."""
    shown = recorded_location(location)
    own = is_remote(location) or has_prefix(location) or shown != location
    return shown if own else normpath(join(folder or ".", shown))
