"""A folder with a spec that has two states, and builds of it as processes that can be killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from composer.store import Store

ROOT = Path(__file__).parents[2]
TRUNK = """\
version: 1
name: trunk
sources: {tower: {from: models/tower.keras, exclude: [probs]}}
"""
SPEC = """\
version: 1
name: pair
sources:
  a: {from: trunk.yaml, prefix: STATE_}
  head: {from: models/head.keras, inputs: a, prefix: STATE_}
output: {path: out/pair.keras, format: [keras, weights]}
"""
"""Needs no Keras, and writes two results, the store and a lock."""
WITH_KERAS = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, exclude: [probs], prefix: STATE_}
layers:
  probs: {class: Dense, args: {units: 3}, inputs: a}
output: {path: out/pair.keras, format: [keras, saved_model]}
"""
STATES = ("one", "two")

KILLER = """
import os, signal, sys
left, root = int(sys.argv.pop(1)), sys.argv.pop(1)
count = 0
WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.chmod",
           "os.truncate", "fcntl.flock", "shutil.rmtree", "shutil.move", "ctypes.dlsym"}
def hook(event, arguments):
    global count
    if event not in WATCHED:
        return
    path = arguments[0] if arguments else ""
    if isinstance(path, bytes | os.PathLike):
        path = os.fsdecode(path)
    if isinstance(path, str) and not path.startswith(root):
        return
    count += 1
    if count == left:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from composer.cli import main
try:
    main()
finally:
    print(count, file=sys.stderr)
"""
"""Runs ``compose`` and kills it right before the N-th thing that it does to files of the folder;
0 only counts them. It tells how many there were in the last line."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder, the store in it, and what a whole build of each state gives."""

    folder: Path
    spec: str = SPEC
    whole: dict[str, dict[str, str]] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")

    @property
    def path(self) -> str:
        """The whole path of the spec: what is done to files below the folder is counted by it."""
        return str(self.folder / "pair.yaml")

    def write(self, state: str) -> None:
        (self.folder / "trunk.yaml").write_text(TRUNK)
        (self.folder / "pair.yaml").write_text(self.spec.replace("STATE", state))

    def start(self, *arguments: str, kill_before: int | None = None) -> subprocess.Popen[str]:
        """Start ``compose``, by itself or under the one that kills it."""
        if arguments[0] == "build":
            arguments = (*arguments, *self.options)
        killer = ["-c", KILLER, str(kill_before), str(self.folder)]
        (self.folder / "tmp").mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, *(["-m", "composer"] if kill_before is None else killer), *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "COMPOSE_HOME": str(self.folder / "store"),
                "TMPDIR": str(self.folder / "tmp"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def build(self, *arguments: str, kill_before: int | None = None) -> str:
        """Build to the end; return what was said."""
        process = self.start("build", self.path, *arguments, kill_before=kill_before)
        out, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return out + said

    def held(self) -> dict[str, str]:
        """Return the digest of each file beside the spec and below ``out``, without hidden ones."""
        files = [self.folder / "pair.lock.json", *sorted((self.folder / "out").rglob("*"))]
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if path.is_file() and not any(part.startswith(".") for part in path.parts)
        }

    def forget(self) -> None:
        """Remove the store, so that the next build writes to it again."""
        shutil.rmtree(self.folder / "store", ignore_errors=True)

    def hidden(self) -> list[Path]:
        """Return what was left beside the results and the spec."""
        return [*self.folder.glob(".*"), *(self.folder / "out").rglob(".*")]

    def scratch(self) -> list[Path]:
        """Return what was left among the temporary folders of the store."""
        return list((self.folder / "store" / "scratch").glob("*"))


def place(folder: Path, models: Path, spec: str = SPEC, options: tuple[str, ...] = ()) -> Place:
    """Return a folder in which both states were built once, with a lock of the first."""
    made = Place(folder, spec, options=options)
    folder.mkdir()
    (folder / "models").symlink_to(models, target_is_directory=True)
    made.write(STATES[0])
    locked = made.start("lock", str(folder / "pair.yaml"))
    assert locked.communicate()[1] is not None
    assert locked.returncode == 0
    for state in STATES:
        made.write(state)
        made.build()
        made.whole[state] = made.held()
    return made
