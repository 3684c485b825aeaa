"""Builds a spec again in a process with an empty store, and compares what that gives."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from composer.container.digests import digest_path
from composer.diagnostics.diagnostic import Diagnostic
from composer.difference.compare import ModelDifference
from composer.errors import FormatError
from composer.outputs.registry import artifact_format, output_format
from composer.record.checks import CheckResult, VerificationReport
from composer.spec.formats import DEFAULT, format_of, suffix_of
from composer.workflows.comparison import compare_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """A build in an empty store.

    Attributes:
        code: that it ended with.
        said: what it wrote to stderr.
        results: one a file, in their order; none where the build failed.
    """

    code: int
    said: str
    results: tuple[VerificationReport, ...] = ()


def rebuild(
    spec: str,
    overrides: Sequence[str],
    artifacts: Sequence[Path],
    *,
    locked: bool = False,
    other_versions: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Rebuild:
    """Build a spec in a process of its own, with an empty store, and compare the results.

    Nothing is remembered there: sources are imported and fetched anew. The files themselves and
    the store of the user are left alone.

    Args:
        spec: path of the spec.
        overrides: those of the build.
        artifacts: files and folders that the build should give, each of a format of its own.
        locked: whether the new build is held against the spec's lock too.
        other_versions: whether other versions than the installed ones may have written the
            artifacts, of which only the content is promised.
        progress: called with lines of progress.
    """
    say = progress or (lambda _line: None)
    with tempfile.TemporaryDirectory(prefix="compose-rebuild-") as temporary:
        folder = Path(temporary).resolve()
        places = [folder / str(number) / _name(path) for number, path in enumerate(artifacts)]
        outputs = [word for place in places for word in ("-o", str(place))]
        say(f"building {spec} again")
        done = subprocess.run(
            # -P: a folder composer/ where compose runs is not this package.
            [sys.executable, "-P", "-m", "composer", "build", spec, *overrides, *outputs]
            + ["--locked"] * locked,
            env={**os.environ, "COMPOSE_HOME": str(folder / "store")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        said = done.stderr.decode("utf-8", "replace")
        if done.returncode:
            return Rebuild(code=done.returncode, said=said)
        say("comparing")
        results = tuple(
            _compared(artifact, again, other_versions=other_versions)
            for artifact, again in zip(artifacts, places, strict=True)
        )
        return Rebuild(code=0, said=said, results=results)


def _name(artifact: Path) -> str:
    """Return a name whose extension says the format, as that of a SavedModel's folder need not."""
    if format_of(artifact.name) is not None:
        return artifact.name
    return f"{artifact.name}{suffix_of(artifact_format(artifact))}"


def _compared(artifact: Path, again: Path, *, other_versions: bool) -> VerificationReport:
    with ThreadPoolExecutor(2) as pool:
        old, new = pool.map(digest_path, (artifact, again))
    if old == new:
        return _equal(artifact, f"equal in every byte ({new[:12]}…)")
    bytes_differ = f"sha256 is {old[:12]}…, a new build gives {new[:12]}…"
    form = artifact_format(again)
    take_content = output_format(form).content
    if take_content is None:
        return _other(artifact, bytes_differ)
    try:
        with ThreadPoolExecutor(2) as pool:
            old, new = pool.map(take_content, (artifact, again))
    except FormatError as error:
        return _other(artifact, f"it can't be read: {error.message}")
    if old != new:
        found = None
        if form == DEFAULT:
            found = compare_files(str(artifact), str(again))
            found = replace(found, before=str(artifact), now="a new build")
        return _other(artifact, f"its content differs; {bytes_differ}", found)
    if other_versions:
        return _equal(artifact, f"equal content ({new[:12]}…), in bytes of other versions")
    return _other(
        artifact,
        f"equal content ({new[:12]}…) in other bytes: {bytes_differ}; another origin is named, or "
        "other versions of compose, h5py or HDF5 wrote it",
    )


def _equal(artifact: Path, detail: str) -> VerificationReport:
    check = CheckResult(name="rebuild", state="ok", detail=detail)
    return VerificationReport(artifact=artifact, checks=(check,))


def _other(
    artifact: Path, detail: str, difference: ModelDifference | None = None
) -> VerificationReport:
    problem = Diagnostic(
        code="CMP614",
        message=f"{artifact} is not what its spec gives now: {detail}",
        help="compose diff says what two models differ in; compose build makes it anew",
    )
    return VerificationReport(
        artifact=artifact,
        checks=(CheckResult(name="rebuild", state="failed", detail=detail),),
        diagnostics=(problem,),
        difference=difference,
    )
