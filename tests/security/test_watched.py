"""What the other tests rely on: the watch sees what it is for, and the payloads are live."""

from __future__ import annotations

import base64
import marshal
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

from tests.security.poison import bytecode, pickled, poisoned

DEEDS = """
import marshal, os, pickle, socket, subprocess, sys
sys.path.insert(0, {folder!r})
import watched
sys.addaudithook(watched.hook)
marshal.loads(marshal.dumps(1))
pickle.loads(b"cos\\ngetcwd\\n.")
open("made", "w").close()
os.open("made_too", os.O_CREAT)
os.rename("made", "moved")
subprocess.run([sys.executable, "-c", ""])
socket.socket().connect_ex(("127.0.0.1", 9))
try:
    import tensorflow_is_not_this, pickle_payload
except ImportError:
    pass
print("\\n".join(watched.EVENTS))
"""


def test_the_watch_sees_code_files_processes_and_connections(tmp_path: Path) -> None:
    deeds = DEEDS.format(folder=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", deeds],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    seen = [line.split()[0] for line in done.stdout.splitlines()]
    for event in ("marshal.loads", "pickle.find_class", "subprocess.Popen", "socket.connect"):
        assert event in seen
    for name in ("made", "made_too", "moved"):
        assert f"write {name}" in done.stdout.splitlines()


def test_the_payloads_do_something_where_they_are_run(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    code = marshal.loads(base64.b64decode(bytecode(first)["config"]["code"]))
    types.FunctionType(code, {"__builtins__": __builtins__})(0)
    assert first.exists()
    os.close(pickle.loads(base64.b64decode(pickled(second))))
    assert second.exists()


def test_a_sound_model_of_the_same_make_is_refused_by_no_verb(attack) -> None:
    poisoned(attack.folder / "a.keras", list)
    ends = attack.run("a.keras", verbs=("validate", "plan", "inspect"))
    assert [end.code for end in ends.values()] == [0, 0, 0], ends
