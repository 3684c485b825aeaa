"""Plan → artifact in its place: link beside the target, read it again, then take the name."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from composer.errors import BuildError
from composer.files.finished import file_digest, flush
from composer.linker.check_artifact import check_artifact
from composer.linker.linker import link
from composer.linker.target import check_target
from composer.resolver.plan import Plan, SourceState
from composer.resolver.plan_schema import check_plan_names

_STEM = 32
"""How much of the target's name its unfinished form shows: a name that fits stays one that fits."""


def build_plan(
    plan: Plan,
    states: Mapping[str, SourceState],
    target: Path,
    *,
    progress: Callable[[str], None] | None = None,
) -> str:
    """Write the model of ``plan`` to ``target``.

    A reader sees the old file or the new one, and the new one only after it was read again and
    found to be what the plan says.

    Args:
        plan: complete, with nothing deferred.
        states: digests of its sources by id, which the file's recipe names.
        target: where the file goes.
        progress: called with lines of progress.

    Returns:
        SHA-256 of the file.

    Raises:
        BuildError: the target or its folder can't be written, or the target is a source.
        DriftError: what was written differs from the plan; the target is left as it was.
        FormatError: a source is damaged.
    """
    check_target(target, plan.source_files)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError("CMP712.no-folder", path=target.parent, reason=error.strerror) from error
    unchecked = target.with_name(f".{target.stem[:_STEM]}.{secrets.token_hex(4)}.keras")
    try:
        say = progress or (lambda _line: None)
        check_plan_names(plan)
        say(f"linking {plan.name}")
        computed = link(plan, states, unchecked)
        say(f"checking {plan.name}")
        digest = settled(unchecked, lambda: check_artifact(unchecked, plan, computed))
        try:
            unchecked.replace(target)
        except OSError as error:
            raise BuildError("CMP712.unwritable", path=target, reason=error.strerror) from error
    finally:
        unchecked.unlink(missing_ok=True)
    return digest


def settled(path: Path, check: Callable[[], None]) -> str:
    """Check a file that is ours alone; return its digest once the disk has it.

    Args:
        path: of the file.
        check: raises what is wrong with it.

    Raises:
        BuildError: it can't be read or written.
    """
    with ThreadPoolExecutor(2) as pool:
        # The disk and the digest take their time beside the check.
        flushed = pool.submit(flush, path)
        digested = pool.submit(file_digest, path)
        check()
        digest = digested.result()
        flushed.result()
    return digest
