"""Every spec that ships gives the same bytes and the same lock, wherever it is built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPECS = sorted(path.stem for path in (ROOT / "specs").glob("*.yaml"))
NOBODY = 65534

pytestmark = [pytest.mark.keras, pytest.mark.slow]


def run(
    folder: Path, environment: Mapping[str, str], *arguments: str, before: tuple[str, ...] = ()
) -> None:
    done = subprocess.run(
        [*before, sys.executable, "-m", "composer", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "specs", folder / "specs", ignore=shutil.ignore_patterns("*.lock.json"))
    return folder


def locked_and_built(folder: Path, name: str) -> tuple[bytes, bytes]:
    lock = (folder / "specs" / f"{name}.lock.json").read_bytes()
    return lock, (folder / "out.keras").read_bytes()


@pytest.fixture(scope="module")
def strange(tmp_path_factory) -> Iterator[tuple[Path, dict[str, str], tuple[str, ...]]]:
    """Return a place like a fresh container: its folder, all of its environment, how to enter it.

    Another user where this one may become one, an empty home, another folder, umask, locale, time
    zone, seed of hashes, and one processor only.
    """
    folder = Path(tempfile.mkdtemp(prefix="a strange – place "))
    home = folder / "home"
    home.mkdir()
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "USER": "somebody",
        "LOGNAME": "somebody",
        "TMPDIR": str(home),
        "LC_ALL": "C",
        "LANG": "C",
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "4242",
    }
    enter: list[str] = ["sh", "-c", 'umask 0077; exec "$@"', "sh"]
    if shutil.which("taskset"):
        enter += ["taskset", "-c", "0"]
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if os.geteuid() == 0 and shutil.which("setpriv"):
        # The first start still has the rights of root; what that starts has not.
        again = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import composer'])"
        code = f"{again}.check_returncode()"
        probe = [*become, sys.executable, "-c", code]
        if subprocess.run(probe, env=environment, capture_output=True).returncode == 0:
            enter += become
    yield folder, environment, tuple(enter)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", SPECS)
def test_another_process_and_a_fresh_container_give_the_same_bytes_and_lock(
    name: str, strange, tmp_path: Path
) -> None:
    build = ("build", f"specs/{name}.yaml", "-o", "out.keras")
    found = []
    for number in range(2):
        here = copied(tmp_path / str(number))
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "COMPOSE_HOME": str(tmp_path / f"store{number}"),
            "PYTHONHASHSEED": str(number),
        }
        run(here, environment, "lock", f"specs/{name}.yaml")
        run(here, environment, *build)
        found.append(locked_and_built(here, name))
    folder, environment, enter = strange
    there = copied(folder / name)
    if "setpriv" in enter:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    run(there, environment, "lock", f"specs/{name}.yaml", before=enter)
    run(there, environment, *build, "--locked", before=enter)
    found.append(locked_and_built(there, name))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert (there / "out.keras").stat().st_mode & 0o077 == 0
