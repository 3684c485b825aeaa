"""Runs ``compose`` under an audit hook and writes down what it did; a process of its own.

``python watched.py RESULT COMMAND…``, each COMMAND a JSON list of arguments. RESULT gets, as JSON,
how each ended and the events of all of them.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

EVENTS: list[str] = []
STARTS = frozenset({
    "subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
    "os.startfile", "os.system", "pty.spawn",
})  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = frozenset({
    "os.chmod", "os.chown", "os.link", "os.remove", "os.rename", "os.symlink", "os.truncate",
})  # fmt: skip
HEAVY = frozenset({"jax", "keras", "keras_hub", "pickle_payload", "tensorflow", "torch"})


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note an event that reading a model has no business with."""
    if event in STARTS or event.startswith("socket."):
        EVENTS.append(f"{event} {arguments[:2]!r}")
    elif event == "pickle.find_class":
        EVENTS.append(f"{event} {arguments!r}")
    elif event == "import" and str(arguments[0]).partition(".")[0] in HEAVY:
        EVENTS.append(f"import {arguments[0]}")
    elif event == "marshal.loads":
        # Python reads its own compiled modules this way.
        if "importlib" not in sys._getframe(1).f_code.co_filename:
            EVENTS.append("marshal.loads")
    elif event == "open":
        path, mode, flags = arguments
        writes = (flags or 0) & WRITES or set(str(mode or "")) & set("wax+")
        if writes and not isinstance(path, int):
            EVENTS.append(f"write {os.fspath(path)}")
        elif "secret_pipe" in str(path):
            EVENTS.append(f"read {path}")
    elif event in CHANGES:
        EVENTS.append(f"write {arguments[1] if event == 'os.rename' else arguments[0]}")


def main(result: str, *commands: str) -> None:
    """Run the commands one after the other."""
    from composer.cli.running import run

    # Asks for the name of the processor when it is imported, by a process of its own.
    importlib.import_module("h5py")
    ends = []
    sys.addaudithook(hook)
    for command in commands:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(json.loads(command))
        ends.append({"code": code, "out": out.getvalue(), "err": err.getvalue()})
    events = list(EVENTS)
    Path(result).write_text(json.dumps({"ends": ends, "events": events}))


if __name__ == "__main__":
    main(*sys.argv[1:])
