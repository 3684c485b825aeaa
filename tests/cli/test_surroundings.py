"""Limits of the shell, odd names, a folder that is gone, and signals: said in words, and clean."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.container.minimal import dense_model

ROOT = Path(__file__).parents[2]
SPEC = "version: 1\nname: net\nsources: {m: {from: a.keras}}\n"
ODD = os.fsdecode(b"odd\xff")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    dense_model(folder / "a.keras", (64, 256, 256, 4))
    (folder / "net.yaml").write_text(SPEC)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(folder)
    return folder


def shell(text: str) -> subprocess.CompletedProcess[str]:
    command = text.replace("compose", f"{sys.executable} -m composer")
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, errors="replace", timeout=120
    )


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("ulimit -f 40; compose build net.yaml", 3, "file too large"),
        ("mkdir g; cd g; rmdir ../g; compose validate ../net.yaml", 2, "does not exist any more"),
        ("mkdir g; cd g; rmdir ../g; compose build $OLDPWD/net.yaml", 2, "exist any more"),
    ],
)
def test_what_a_process_lacks_is_said(folder: Path, command: str, code: int, words: str) -> None:
    done = shell(command)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.lower()
    assert "bug" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert hidden(folder) == []
    assert not (folder / "build/net.keras").exists()


def test_too_few_open_files_are_said(folder: Path) -> None:
    """How many are enough depends on the interpreter, so the limit grows until the build goes through."""
    refused = []
    for limit in range(6, 12):
        done = shell(f"ulimit -n {limit}; compose build net.yaml")
        if done.returncode == 0:
            break
        refused.append((done.returncode, "too many open files" in done.stderr.lower()))
        assert hidden(folder) == []
        assert not (folder / "build/net.keras").exists()
    assert (3, True) in refused


def test_memory_that_is_used_up_is_no_bug(compose, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise MemoryError

    Path("net.yaml").write_text(SPEC)
    monkeypatch.setattr("composer.workflows.pipeline.read_spec", fails)
    result = compose("validate", "net.yaml")
    assert (result.code, "the memory is used up" in result.err) == (3, True)


def test_names_that_are_not_utf_8(folder: Path) -> None:
    (folder / f"{ODD}.yaml").write_text(SPEC)
    name = r"$'odd\xff"
    done = shell(f"compose build {name}.yaml' -o {name}.keras'")
    assert done.returncode == 0, done.stderr
    assert Path(f"{ODD}.keras").exists()
    done = shell(f"compose lock {name}.yaml'")
    assert done.returncode == 3
    assert r"the name b'odd\xff.yaml' is not UTF-8" in done.stderr


# ---------------------------------------------------------------- signals


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "composer", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def descendants(process: int) -> set[int]:
    """Return the ids of all processes below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {process}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


def until(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGHUP, "1"), (signal.SIGTERM, "2")])
def test_a_signal_leaves_nothing_behind(folder: Path, number: int, jobs: str) -> None:
    layers = "layers: {new: {class: Dense, args: {units: 2}, inputs: m}}\n"
    for name in ("one", "two"):
        text = SPEC.replace("net", name).replace("name", "seed: 5\nname")
        (folder / f"{name}.yaml").write_text(text + layers)
    before = {path.name for path in folder.parent.iterdir()} | {"store"}
    process = start(folder, "build", "one.yaml", "two.yaml", "-j", jobs)
    keras = lambda: [  # noqa: E731
        one for one in descendants(process.pid)
        if b"keras_process" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]  # fmt: skip
    until(keras)
    below = descendants(process.pid)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in below), 10)
    assert {path.name for path in folder.parent.iterdir()} == before
    assert hidden(folder) == []
    assert list((folder.parent / "store").glob("scratch/*")) == []


def test_a_signal_that_is_ignored_stays_so(folder: Path) -> None:
    done = shell("trap '' HUP; compose validate net.yaml & kill -HUP $!; wait $!")
    assert done.returncode == 0, done.stderr


def test_a_second_signal_does_not_interrupt_the_first() -> None:
    from composer.workflows.ending import EndedError, ended_by_signals

    cleaned = []
    with pytest.raises(EndedError) as ended, ended_by_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)
    assert (ended.value.exit_code, cleaned) == (143, [True])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
