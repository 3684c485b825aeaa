"""Files beside a result that an earlier build wrote, and that are about other bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from composer.container.digests import digest_file
from composer.files.regular import read_regular
from composer.outputs.companions import COMPANIONS, companion, signature
from composer.outputs.written import WrittenFile
from composer.record.signing import signs

SIGNATURE = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """A file of an earlier build.

    Attributes:
        kind: a name in the table of companions, or ``signature``.
    """

    path: Path
    kind: str


def outdated(files: Sequence[WrittenFile], written: Sequence[Path]) -> tuple[Outdated, ...]:
    """Return what stands beside the results of a build and is about other bytes.

    Args:
        files: all results; the first one has companions.
        written: companions and signatures that this build wrote.
    """
    first = files[0]
    found = []
    for name in COMPANIONS:
        path = companion(first.path, name).path
        if path in written:
            continue
        try:
            current = first.sha256 in read_regular(path).decode()
        except (OSError, ValueError):
            continue
        if not current:
            found.append(Outdated(path=path, kind=name))
    digests = [(file.path, file.sha256) for file in files if not file.path.is_dir()]
    digests += [(path, digest_file(path)) for path in written if path.suffix == ".json"]
    for signed, digest in digests:
        path = signature(signed).path
        if path not in written and signs(path, digest) is False:
            found.append(Outdated(path=path, kind=SIGNATURE))
    return tuple(found)
