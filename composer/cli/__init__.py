"""The command line: the only room that prints, exits and knows a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence


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
    try:
        from composer.cli.running import run
    except KeyboardInterrupt:  # Ctrl-C while this still starts
        sys.exit(130)
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))
