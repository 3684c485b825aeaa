"""Compares a file with the lock of its spec: digests and names, without sources and Keras."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from composer.container.digests import digest_path, size_of
from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.difference.changes import changes
from composer.errors import FormatError, UsageError
from composer.graphs.recipe import Recipe
from composer.model_files.read_model import read_model
from composer.outputs.registry import artifact_format, output_format
from composer.record.build_record import ArtifactRecord, BuildRecord, SourceRecord
from composer.record.checks import CheckResult, VerificationReport
from composer.record.compare_records import compare, refusals
from composer.record.drift import and_more, listed
from composer.record.lock_file import lock_document
from composer.record.toolchain import WRITERS, installed, other_versions
from composer.spec.source_forms import recorded_location

_PARTS = ("artifacts", "sources", "names")
"""What of a lock a file can differ from, the most telling first."""


def verify_against_lock(artifact: Path, lock: BuildRecord, shown: str) -> VerificationReport:
    """Compare ``artifact`` with what a lock says of the file of its format.

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
            "CMP113.lock-format-missing",
            path=shown,
            format=form,
            artifact=artifact,
            found=lock.artifacts,
        )
    try:
        now, remark = _found(artifact, form, lock)
    except FormatError as error:
        return _report(artifact, [f"it can't be read: {error.message}"], [], shown, lock)
    except OSError as error:
        raise UsageError("CMP114.unreadable", path=artifact, reason=error.strerror) from error
    found = sorted(refusals(compare(lock, now)), key=lambda item: _PARTS.index(item.path[0]))
    made = now.artifacts[form]
    same_bytes = made.sha256 == locked.sha256
    reasons = []
    if not found and not same_bytes:
        others = other_versions(lock.toolchain, now.toolchain)
        if locked.content is None:
            found = [
                item
                for item in changes(lock_document(lock), lock_document(now))
                if item.path[:2] == ("artifacts", form)
            ]
            reasons.append(
                f"other versions are installed than those of the lock "
                f"({'; '.join(others.values())}), which may be why; a lock holds no digest of the "
                f"content of {output_format(form).title}"
            )
        else:
            versions = "; ".join(others[name] for name in WRITERS if name in others)
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
        artifact=artifact, checks=(CheckResult(name="lock", state="ok", detail=detail),)
    )


def spec_of(lock: BuildRecord, path: Path) -> Path | None:
    """Return the spec that a lock was written for, if the lock still lies beside it."""
    stem = path.name.removesuffix(".lock.json")
    names = (name for name in lock.spec.files if "/" not in name and Path(name).stem == stem)
    name = next(names, None)
    return None if name is None else path.with_name(name)


def _report(
    artifact: Path, fields: Sequence[str], reasons: Sequence[str], shown: str, lock: BuildRecord
) -> VerificationReport:
    spec = str(spec_of(lock, Path(shown)) or "SPEC")
    command = " ".join(["compose build --locked", spec, *lock.spec.overrides])
    diagnostic = Diagnostic(
        code="CMP613",
        message=f"{artifact} is not what {shown} says: "
        f"{and_more([fields[0].partition(':')[0], *fields[1:]])}",
        notes=tuple(Note(message=text) for text in (*listed(fields), *reasons)),
        help=f"{command} builds what was locked",
    )
    check = CheckResult(name="lock", state="failed", detail=and_more(fields))
    return VerificationReport(artifact=artifact, checks=(check,), diagnostics=(diagnostic,))


def _found(artifact: Path, form: str, lock: BuildRecord) -> tuple[BuildRecord, str | None]:
    """Return the record that would fit the file, and what is to be said of how it was read."""
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(digest_path, artifact)
        take_content = output_format(form).content
        content = None if take_content is None else take_content(artifact)
        made = ArtifactRecord(size=size_of(artifact), sha256=digest.result(), content=content)
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
    return replace(now, names=origins, sources=_sources(file.recipe, lock)), None


def _sources(recipe: Recipe, lock: BuildRecord) -> dict[str, SourceRecord]:
    """Return the sources that a file names, each with what it says of them in the lock's words.

    What it does not say, as files of earlier versions don't say all, is taken to be as locked.
    """
    found = {}
    for key, about in recipe.sources.items():
        locked = lock.sources.get(key)
        if locked is None:
            found[key] = SourceRecord(location=about.location, content=about.content or "")
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
