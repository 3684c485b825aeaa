"""What every fuzzed call of ``compose`` has to hold, whoever makes up its input."""

from __future__ import annotations

import contextlib
import faulthandler
import io

SECONDS = 30
"""For one example; a longer one is a hang, and ends the test run with a trace."""


def compose(*arguments: str) -> int:
    """Run ``compose`` in this process and return its exit code, one that a user may see."""
    from composer.cli.running import run

    out, err = io.StringIO(), io.StringIO()
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
    finally:
        faulthandler.cancel_dump_traceback_later()
    said = out.getvalue() + err.getvalue()
    assert "this is a bug" not in said, said
    assert "Traceback" not in said, said
    assert code in (0, 1, 2, 3, 4)
    assert code == 0 or said.strip()
    said.encode("utf-8")
    return code
