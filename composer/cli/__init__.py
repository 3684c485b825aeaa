"""The command line: the only room that prints, exits and knows a terminal."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

_FORMAT_CHECKERS = ("fqdn", "isoduration", "rfc3987_syntax", "uri_template", "webcolors")
"""What jsonschema imports where it is installed, Jupyter's packages bring it, to check ``format``.

No schema here asks for that, and ``rfc3987_syntax`` alone builds a grammar for the better part of a
second, in every run."""

_ALLOCATIONS = 200_000
"""New objects between two collections; Python's own choice is 700."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``compose`` and end the process with its exit code.

    Args:
        arguments: without the program's name; None takes those of the process.

    Raises:
        SystemExit: always. 0 fine, 1 spec or sources wrong, 2 usage or unreadable file, 3 build
            failed, 4 drift, 130 interrupted, 141 nobody reads the output any more.
    """
    # A file name or a layer name that the terminal can't show must not end the output.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    for module in _FORMAT_CHECKERS:
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]  # "not to be had"
    # What a run makes is values that refer to older values, in few cycles: looking for those
    # again and again takes a tenth of a short run, and nothing needs it at the end.
    gc.set_threshold(_ALLOCATIONS)
    try:
        from composer.cli.running import run
    except KeyboardInterrupt:  # Ctrl-C while this still starts
        sys.exit(130)
    code = run(sys.argv[1:] if arguments is None else list(arguments))
    gc.freeze()
    sys.exit(code)
