"""Holds a file against the lock of its spec: digests and names, without sources and Keras."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from composer.container.digests import digest_file, digest_sums
from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.errors import FormatError, UsageError
from composer.graphs.model_file import ModelFile
from composer.model_files.read_model import read_model
from composer.outputs.registry import artifact_format, output_format
from composer.record.checks import Check, VerificationReport
from composer.record.compare import WRITERS, Difference, differences, refusals
from composer.record.make import installed
from composer.record.model import Lock, LockedArtifact, LockedSource
from composer.spec.source_forms import recorded_location

_PARTS = ("artifacts", "sources", "names")
"""What of a lock a file can differ from, the most telling first."""
_SHOWN = 8
"""How many fields are listed; the others are counted."""


def verify_against_lock(artifact: Path, lock: Lock, shown: str) -> VerificationReport:
    """Hold ``artifact`` against what a lock says of the file of its format.

    Where the installed versions are those of the lock, size and every byte have to be equal. What
    other versions write has other bytes and the same content, and only the content is promised.

    Args:
        artifact: a file of any format, or the folder of a SavedModel.
        lock: of the spec that it was built from.
        shown: names the lock in messages.

    Raises:
        UsageError: the lock holds no result of this format, or the file can't be read.
    """
    form = artifact_format(artifact)
    locked = lock.artifacts.get(form)
    if locked is None:
        raise UsageError(
            f"{shown} holds no result of the format {form}, which {artifact} is of",
            help=f"it holds {', '.join(lock.artifacts)}",
        )
    try:
        now, remark = _found(artifact, form, lock)
    except FormatError as error:
        return _report(artifact, [f"it can't be read: {error.message}"], [], shown, lock)
    except OSError as error:
        raise UsageError(f"{artifact} can't be read: {error.strerror}", code="CMP114") from error
    found = tuple(
        sorted(refusals(differences(lock, now)), key=lambda item: _PARTS.index(item.path[0]))
    )
    made = now.artifacts[form]
    same_bytes = made.sha256 == locked.sha256
    reasons = []
    if not found and not same_bytes:
        if locked.content is None:
            versions = "; ".join(_other_versions(lock, now, tuple(lock.toolchain)))
            found = tuple(item for item in _bytes(form, locked, made) if item.locked != item.found)
            reasons.append(
                f"other versions are installed than those of the lock ({versions}), which may be "
                f"why; a lock holds no digest of the content of {output_format(form).title}"
            )
        else:
            versions = "; ".join(_other_versions(lock, now, WRITERS))
            remark = f"equal content in other bytes, since other versions are installed: {versions}"
    elif found and made.content is not None and made.content == locked.content:
        reasons.append("config and tensors are those of the lock")
    if found:
        return _report(artifact, [str(item) for item in found], reasons, shown, lock)
    what = ["content" if not same_bytes else f"size and every byte ({made.sha256[:12]}…)"]
    if form == "keras":
        what.append(f"{len(now.names)} names and {len(now.sources)} sources")
    detail = f"{' and '.join(what)} match {shown}" + (f"; {remark}" if remark else "")
    return VerificationReport(
        artifact=artifact, checks=(Check(name="lock", state="ok", detail=detail),)
    )


def _report(
    artifact: Path, fields: Sequence[str], reasons: Sequence[str], shown: str, lock: Lock
) -> VerificationReport:
    more = f" and {len(fields) - 1} more" if len(fields) > 1 else ""
    notes = [Note(message=field) for field in fields[:_SHOWN]]
    if len(fields) > _SHOWN:
        notes.append(Note(message=f"and {len(fields) - _SHOWN} more fields"))
    notes.extend(Note(message=reason) for reason in reasons)
    command = " ".join(["compose build --locked", _spec_of(shown, lock), *lock.spec.overrides])
    diagnostic = Diagnostic(
        code="CMP613",
        message=f"{artifact} is not what {shown} says: {fields[0].partition(':')[0]}{more}",
        notes=tuple(notes),
        help=f"{command} builds what was locked",
    )
    check = Check(name="lock", state="failed", detail=f"{fields[0]}{more}")
    return VerificationReport(artifact=artifact, checks=(check,), diagnostics=(diagnostic,))


def _spec_of(shown: str, lock: Lock) -> str:
    """Return the spec beside a lock: the one that was read first."""
    stem = Path(shown).name.removesuffix(".lock.json")
    names = [name for name in lock.spec.files if "/" not in name and Path(name).stem == stem]
    return str(Path(shown).with_name(names[0])) if names else "SPEC"


def _found(artifact: Path, form: str, lock: Lock) -> tuple[Lock, str | None]:
    """Return the lock that would fit the file, and what is to be said of how it was read."""
    folder = artifact.is_dir()
    files = [path for path in artifact.rglob("*") if path.is_file()] if folder else [artifact]
    size = sum(path.stat().st_size for path in files)
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(digest_sums if folder else digest_file, artifact)
        take_content = output_format(form).content
        content = None if take_content is None else take_content(artifact)
        made = LockedArtifact(size=size, sha256=digest.result(), content=content)
    now = replace(
        lock, artifacts={**lock.artifacts, form: made}, toolchain=installed(lock.toolchain)
    )
    if form != "keras":
        return now, None
    file = read_model(artifact)
    names = tuple(operation.name for operation in file.graph.operations)
    if file.recipe is None:
        same = {name: lock.names.get(name, name) for name in names}
        return replace(now, names=same), "the file itself says nothing of its origins"
    origins = {name: file.recipe.origins.get(name, "unsaid") for name in names}
    return replace(now, names=origins, sources=_sources(file, lock)), None


def _sources(file: ModelFile, lock: Lock) -> dict[str, LockedSource]:
    """Return the sources that the file names, each with what it says of them in the lock's words.

    What it does not say, as files of earlier versions don't say all, is taken to be as locked.
    """
    assert file.recipe is not None
    found = {}
    for key, about in file.recipe.sources.items():
        locked = lock.sources.get(key)
        if locked is None:
            found[key] = LockedSource(location=about.location, content=about.content or "")
            continue
        same_place = recorded_location(locked.location) == about.location
        found[key] = replace(
            locked,
            location=locked.location if same_place else about.location,
            content=about.content or locked.content,
            sha256=locked.sha256 and (about.sha256 or locked.sha256),
            weights=locked.weights and (about.weights_sha256 or locked.weights),
            license=about.license,
        )
    return found


def _bytes(form: str, locked: LockedArtifact, made: LockedArtifact) -> tuple[Difference, ...]:
    return (
        Difference(path=("artifacts", form, "size"), locked=locked.size, found=made.size),
        Difference(path=("artifacts", form, "sha256"), locked=locked.sha256, found=made.sha256),
    )


def _other_versions(lock: Lock, now: Lock, names: Sequence[str]) -> list[str]:
    return [
        f"{name} {lock.toolchain.get(name)} then, {now.toolchain.get(name, 'none')} now"
        for name in names
        if lock.toolchain.get(name) != now.toolchain.get(name)
    ]
