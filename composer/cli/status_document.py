"""What ``compose status --json`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from composer.cli.build_screen import shown
from composer.diagnostics.render.json_document import as_json

if TYPE_CHECKING:
    from composer.workflows.status import LockStatus, Status


def status_document(found: Sequence[Status]) -> dict[str, Any]:
    """Return plain data; reasons and diagnostics are empty where there is nothing to say."""
    return {
        "specs": [
            {
                "spec": status.spec,
                "state": status.state,
                "results": [
                    {
                        "path": shown(result.place.path),
                        "format": result.place.format,
                        "state": result.state,
                        "reasons": list(result.reasons),
                    }
                    for result in status.results
                ],
                "lock": None if status.lock is None else _lock(status.lock),
                "diagnostics": [as_json(item) for item in status.diagnostics],
            }
            for status in found
        ]
    }


def _lock(lock: LockStatus) -> dict[str, Any]:
    return {
        "path": shown(lock.path),
        "holds": lock.holds,
        "changed": [item.field for item in lock.changed],
        "problem": lock.problem,
    }
