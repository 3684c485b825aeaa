"""The shared Keras process: it starts once, and no task sees another or takes it along.

A stand-in for Keras, put in front by PYTHONPATH, notes each time that it is imported.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from composer.errors import KerasProcessError, SourceError
from composer.keras_process import shared_process as shared
from composer.keras_process.client import run
from composer.keras_process.shared_process import shared_folder, shared_keras
from tests.keras_process.test_client import ended

KERAS = """
import os, sys
__version__ = "3.15.1"
for name in ("__main__", "composer.keras_process.worker"):
    if hasattr(sys.modules.get(name), "TASKS"):
        sys.modules[name].TASKS["echo"] = "echo_task"
with open(os.environ["STARTS"], "a") as file:
    file.write(f"{os.getpid()}\\n")
exec(os.environ.get("AT_START", ""))
changed = []
"""
TASK = """
import keras, os, time
from pathlib import Path
from composer.errors import SourceError

def perform(request, report):
    before = [os.getcwd(), dict(os.environ), list(keras.changed)]
    report("begun")
    exec(request.get("code", ""), {"keras": keras, "SourceError": SourceError})
    return {"process": os.getpid(), "before": before, "value": request.get("value")}
"""
STAY = (
    "import os, time, pathlib; pathlib.Path({file!r}).write_text(str(os.getpid())); time.sleep(60)"
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there a process is forked")


class Starts:
    """How often a stand-in for Keras was imported, and where."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self) -> list[int]:
        return [int(line) for line in self.file.read_text().split()] if self.file.exists() else []


@pytest.fixture
def starts(no_shared_keras: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starts:
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "keras.py").write_text(KERAS)
    (folder / "tensorflow.py").write_text(
        "class config:\n    set_visible_devices = staticmethod(lambda *_: None)\n"
    )
    (folder / "echo_task.py").write_text(TASK)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
    return Starts(tmp_path / "starts")


def echo(value: object = None, code: str = "", **options: object) -> dict:
    return dict(run({"task": "echo", "value": value, "code": code}, **options))


def test_all_tasks_of_a_block_cost_one_start_and_none_before_the_first(starts: Starts) -> None:
    with shared_keras():
        assert starts() == []
        with shared_keras():
            first = echo(1)
        answers = [first, echo(2), echo(3)]
        assert len(starts()) == 1
    assert [answer["value"] for answer in answers] == [1, 2, 3]
    assert len({answer["process"] for answer in answers} | set(starts())) == 4
    assert ended(starts()[0])
    echo(4)
    echo(5)
    assert len(starts()) == 3


def test_progress_of_each_task_is_passed_on(starts: Starts) -> None:
    lines: list[str] = []
    with shared_keras():
        echo(progress=lines.append)
        echo(progress=lines.append)
    assert lines == ["begun", "begun"]


def test_a_task_finds_nothing_that_another_left(starts: Starts) -> None:
    with shared_keras():
        first = echo(
            code="import os; keras.changed.append(1); os.environ['LEFT'] = '1'; os.chdir('/')"
        )
        second = echo()
    for folder, environment, changed in (first["before"], second["before"]):
        assert changed == []
        assert "LEFT" not in environment
        assert folder == environment["TMPDIR"]
        assert not Path(folder).exists()
    assert first["before"][0] != second["before"][0]


def test_each_task_has_the_environment_of_its_own_time(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shared_keras():
        echo()
        monkeypatch.setenv("SET_LATER", "yes")
        environment = echo()["before"][1]
    assert environment["SET_LATER"] == "yes"
    assert len(starts()) == 1


def test_a_task_with_another_module_path_has_a_process_of_its_own(
    starts: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shared_keras():
        echo()
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        environment = echo()["before"][1]
        assert environment["PYTHONPATH"].startswith(str(tmp_path))
        assert len(starts()) == 2
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stand-in"))
        echo()
    assert len(starts()) == 2


def test_a_refusal_ends_no_other_task(starts: Starts) -> None:
    refuse = "raise SourceError('CMP505.unknown-name', name='no', nearest=['that'])"
    with shared_keras():
        with pytest.raises(SourceError) as caught:
            echo(code=refuse)
        assert echo(2)["value"] == 2
    assert (caught.value.case, caught.value.nearest) == ("unknown-name", ("that",))
    assert len(starts()) == 1


def test_a_crash_is_tried_again_by_itself_and_ends_no_other_task(
    starts: Starts, tmp_path: Path
) -> None:
    mark = str(tmp_path / "crashed")
    crash = f"import os; os.path.exists({mark!r}) or (open({mark!r}, 'w').close(), os.abort())"
    with shared_keras():
        answers: list[object] = []
        slow = threading.Thread(
            target=lambda: answers.append(echo("slow", "import time; time.sleep(1)")["value"])
        )
        slow.start()
        assert echo(1, crash)["value"] == 1
        assert len(starts()) == 2
        assert echo(2)["value"] == 2
        slow.join()
    assert answers == ["slow"]
    assert len(starts()) == 2


def test_what_crashes_by_itself_too_is_an_error_with_the_last_words(starts: Starts) -> None:
    crash = "import os, sys; print('last words', file=sys.stderr, flush=True); os.abort()"
    with shared_keras(), pytest.raises(KerasProcessError, match="SIGABRT") as caught:
        echo(code=crash)
    assert caught.value.help is not None
    assert "last words" in caught.value.help


def test_a_keras_that_ends_while_it_is_imported_is_an_error(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AT_START", "os._exit(3)")
    with shared_keras(), pytest.raises(KerasProcessError, match="exit code 3"):
        echo()


def test_a_keras_that_cannot_be_imported_is_told(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AT_START", "raise ImportError('libcrypt.so.9 not found')")
    with shared_keras(), pytest.raises(KerasProcessError, match=r"libcrypt\.so\.9"):
        echo()


def test_a_task_that_takes_too_long_is_stopped_alone(starts: Starts, tmp_path: Path) -> None:
    stay = STAY.format(file=str(tmp_path / "pid"))
    with shared_keras():
        echo()
        with pytest.raises(KerasProcessError, match="no answer within 1 seconds"):
            echo(code=stay, timeout=1)
        assert ended(int((tmp_path / "pid").read_text()))
        assert echo(2)["value"] == 2
    assert len(starts()) == 1


def test_a_keras_that_takes_too_long_to_import_is_stopped(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AT_START", "import time; time.sleep(60)")
    with shared_keras(), pytest.raises(KerasProcessError, match="no answer within 1 seconds"):
        echo(timeout=1)
    assert ended(starts()[0])


def test_an_interrupt_stops_the_task_and_goes_on(starts: Starts, tmp_path: Path) -> None:
    stay = STAY.format(file=str(tmp_path / "pid"))

    def interrupt(_: str) -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    with shared_keras():
        with pytest.raises(KeyboardInterrupt):
            echo(code=stay, progress=interrupt)
        assert ended(int((tmp_path / "pid").read_text()))


def test_a_shared_process_that_was_killed_starts_again(starts: Starts) -> None:
    with shared_keras():
        echo()
        os.kill(starts()[0], signal.SIGKILL)
        assert ended(starts()[0])
        assert [echo(1)["value"], echo(2)["value"]] == [1, 2]
    assert len(starts()) == 2


def test_forks_end_with_a_shared_process_that_is_killed(starts: Starts, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    stay = STAY.format(file=str(pid)).replace("sleep(60)", "sleep(2)")
    with shared_keras():
        echo()
        waiting = threading.Thread(target=echo, args=(1, stay))
        waiting.start()
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.01)
        fork = int(pid.read_text())
        os.kill(starts()[0], signal.SIGKILL)
        assert ended(fork)
        waiting.join()  # it was tried again by itself
    assert len(starts()) == 2


def test_another_process_can_share_it_and_be_the_first_to_need_it(starts: Starts) -> None:
    code = (
        "import sys; from pathlib import Path; from composer.keras_process.client import run\n"
        "from composer.keras_process.shared_process import join_shared, shared_keras\n"
        "join_shared(Path(sys.argv[1]))\n"
        "with shared_keras(): run({'task': 'echo'})\n"
        "print(run({'task': 'echo', 'value': 7})['value'], flush=True); input()\n"
    )
    with shared_keras():
        with subprocess.Popen(
            [sys.executable, "-c", code, str(shared_folder())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as other:  # fmt: skip
            assert other.stdout is not None
            assert other.stdout.readline() == "7\n"
            assert echo(8)["value"] == 8
            assert len(starts()) == 1
            other.kill()
        assert ended(starts()[0])
        assert echo(9)["value"] == 9
    assert len(starts()) == 2


def test_it_ends_with_the_process_that_started_it(starts: Starts, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    temporary = tmp_path / ("long" * 40)  # too long for the path of a socket
    temporary.mkdir()
    code = (
        "from composer.keras_process.client import run\n"
        "from composer.keras_process.shared_process import shared_keras\n"
        f"with shared_keras(): run({{'task': 'echo', 'code': {STAY.format(file=str(pid))!r}}})"
    )
    path = os.pathsep.join([os.environ["PYTHONPATH"], *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(temporary)},
    ) as parent:
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    assert ended(int(pid.read_text()))
    assert ended(starts()[0])
    deadline = time.monotonic() + 5
    folders = [path for path in temporary.iterdir() if path.is_dir()]
    while any(path.exists() for path in folders) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(path.exists() for path in folders)
    assert len(starts()) == 1


def test_where_processes_cannot_be_forked_each_task_starts_its_own(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_FORKS", False)
    with shared_keras():
        assert shared_folder() is None
        echo()
        echo()
    assert len(starts()) == 2
