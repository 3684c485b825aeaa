"""A process that builds one way of one model after another with keras-compose.

Reads requests from stdin, one JSON a line, and answers on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    import composer
    from composer.errors import ComposeError, FormatError, SpecError
    from composer.model_files.read_model import read_model
    from tests.sweep.of_keras.ways import way_of

    source, folder = Path(request["source"]), Path(request["folder"])
    try:
        way = way_of(request["way"], read_model(source), str(source))
    except FormatError as error:
        return {"state": "refused", "code": "not read", "detail": error.message[:300]}
    if way is None:
        return {"state": "does not apply"}
    spec, linked = folder / "spec.yaml", folder / "linked.keras"
    spec.write_text(json.dumps(way.spec))
    try:
        composer.build(spec, output=linked, force=True)
    except SpecError as error:
        first = next(d for d in error.diagnostics if d.severity == "error")
        return {"state": "refused", "code": first.code, "detail": first.message[:300]}
    except ComposeError as error:
        kind = type(error).__name__
        return {"state": "failed", "code": kind, "detail": error.message[:300]}
    return {
        "state": "built",
        "linked": str(linked),
        "copies": way.copies,
        "outputs": None
        if way.outputs is None
        else [(copy, (ref.operation, ref.call, ref.output)) for copy, ref in way.outputs],
    }


def main() -> None:
    """Answer until the requests end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line))
        except Exception as error:  # noqa: BLE001
            detail = f"{type(error).__name__}: {error}"[:300]
            answer = {"state": "crashed", "code": type(error).__name__, "detail": detail}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
