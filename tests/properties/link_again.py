"""A script that links random models once more and compares the bytes; it imports no Keras."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.properties.linking_variants import digest_again


def main() -> None:
    """Arguments: the folder of the models, and the file that lists what was linked from them."""
    folder, jobs = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    for job in jobs:
        for kind, wanted in job["digests"].items():
            found = digest_again(folder, job["number"], kind, job["choice"], Path("again.keras"))
            assert found == wanted, f"graph {job['number']} linked as {kind} has other bytes"
    assert "keras" not in sys.modules, "linking imported Keras"


if __name__ == "__main__":
    main()
