"""The client: whatever becomes of the Keras process ends in an answer or in a clear error.

A stand-in for Keras, put in front by PYTHONPATH, makes the process do what each test needs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from composer.errors import BuildError, KerasProcessError, SourceError
from composer.keras_process.client import keras_version, run

pytestmark = pytest.mark.usefixtures("no_shared_keras")

TASK = """
import os, sys
from composer.errors import BuildError, SourceError

def perform(request, report):
    print("printed", flush=True)
    os.write(1, b"written by C code\\n")
    report("step one")
    report("step\\ntwo")
    if request.get("fail"):
        raise {"error": ZeroDivisionError("by nothing"),
               "source": SourceError("CMP505.unknown-name", name="x", nearest=["thing"],
                                     help="look again"),
               "build": BuildError("CMP710.download", name="x", reason="off", help="wait"),
               }[request["fail"]]
    return {"echo": request["value"], "cwd": os.getcwd(), "path": sys.path,
            "hash": hash("text"), "environment": dict(os.environ)}
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a Keras that offers the task ``echo`` and nothing else."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "keras.py").write_text(
        "import __main__\n__version__ = '3.15.1'\n__main__.TASKS['echo'] = 'echo_task'\n"
    )
    (folder / "tensorflow.py").write_text(
        "class config:\n    set_visible_devices = staticmethod(lambda *_: None)\n"
    )
    (folder / "echo_task.py").write_text(TASK)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def becomes(folder: Path, code: str) -> None:
    """Let the stand-in run ``code`` when it is imported."""
    (folder / "keras.py").write_text(textwrap.dedent(code))


def test_an_answer_comes_back_whatever_is_printed(stand_in: Path) -> None:
    lines: list[str] = []
    answer = run({"task": "echo", "value": {"a": [1, None]}}, progress=lines.append)
    assert answer["echo"] == {"a": [1, None]}
    assert lines == ["step one", "step two"]


def test_each_process_has_the_same_hashes_and_a_folder_of_its_own(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run({"task": "echo", "value": 1})
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    monkeypatch.chdir(tmp_path)
    second = run({"task": "echo", "value": 1})
    assert first["hash"] == second["hash"]
    assert first["cwd"] != second["cwd"]
    assert not Path(second["cwd"]).exists()


def test_a_keras_in_the_folder_where_compose_runs_is_not_imported(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "json.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(here)
    answer = run({"task": "echo", "value": 1})
    assert str(here) not in answer["path"]


def test_a_missing_keras_is_said_with_the_way_to_install_it(stand_in: Path) -> None:
    becomes(stand_in, "raise ImportError('libcrypt.so.9 not found')")
    with pytest.raises(
        KerasProcessError, check=lambda error: error.key == "CMP711.no-keras"
    ) as caught:
        run({"task": "echo", "value": 1})
    assert caught.value.help is not None
    assert "pip install" in caught.value.help
    assert caught.value.exit_code == 3


def test_a_keras_that_is_too_old_is_refused(stand_in: Path) -> None:
    becomes(stand_in, "__version__ = '3.15.0'")
    with pytest.raises(KerasProcessError, check=lambda error: error.key == "CMP711.old-keras"):
        run({"task": "echo", "value": 1})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "was killed by SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "the memory was used up"),
        ("import os; os._exit(3)", r"ended \(exit code 3\)"),
        ("import os; os._exit(0)", r"ended \(exit code 0\)"),
        ("import os, sys; open(sys.argv[2], 'w').write('{'); os._exit(0)", "readable answer"),
        ("import os, sys; open(sys.argv[2], 'w').write('[]'); os._exit(0)", "readable answer"),
    ],
)
def test_a_process_that_ends_without_an_answer_is_an_error(
    stand_in: Path, code: str, words: str
) -> None:
    becomes(stand_in, f"import sys\nprint('last words', file=sys.stderr, flush=True)\n{code}")
    with pytest.raises(KerasProcessError, match=words) as caught:
        run({"task": "echo", "value": 1})
    assert caught.value.help is not None
    assert "last words" in caught.value.help


def test_an_unforeseen_error_names_the_task_and_shows_where_it_arose(stand_in: Path) -> None:
    with pytest.raises(KerasProcessError) as caught:
        run({"task": "echo", "fail": "error"})
    assert caught.value.fields == {"task": "echo", "reason": "ZeroDivisionError: by nothing"}
    assert caught.value.help is not None
    assert "echo_task.py" in caught.value.help


def test_a_refused_request_is_a_source_error_with_the_nearest_names(stand_in: Path) -> None:
    with pytest.raises(SourceError) as caught:
        run({"task": "echo", "fail": "source"})
    assert caught.value.case == "unknown-name"
    assert caught.value.nearest == ("thing",)
    assert caught.value.own_help == "look again"
    assert caught.value.exit_code == 1


def test_trouble_around_a_request_is_a_build_error(stand_in: Path) -> None:
    with pytest.raises(BuildError) as caught:
        run({"task": "echo", "fail": "build"})
    assert not isinstance(caught.value, KerasProcessError)
    assert caught.value.fields == {"name": "x", "reason": "off"}
    assert caught.value.help == "wait"


SLEEPER = """
import os, time
from pathlib import Path
Path(os.environ["PID_FILE"]).write_text(str(os.getpid()))
time.sleep(60)
"""


def ended(process_id: int) -> bool:
    """Wait up to ten seconds for a process to end."""
    for _ in range(200):
        try:
            os.kill(process_id, 0)
            status = Path(f"/proc/{process_id}/stat")
            if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_a_process_that_takes_too_long_is_stopped(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PID_FILE", str(tmp_path / "pid"))
    becomes(stand_in, SLEEPER)
    with pytest.raises(KerasProcessError) as caught:
        run({"task": "echo", "value": 1}, timeout=2)
    assert caught.value.fields["timeout"] == 2
    assert ended(int((tmp_path / "pid").read_text()))


def test_an_interrupt_stops_the_process_and_goes_on(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PID_FILE", str(tmp_path / "pid"))
    (stand_in / "echo_task.py").write_text(
        "def perform(request, report):\n    report('started')\n" + textwrap.indent(SLEEPER, "    ")
    )

    def interrupt(_: str) -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"task": "echo", "value": 1}, progress=interrupt)
    assert ended(int((tmp_path / "pid").read_text()))


def test_the_process_ends_with_the_one_that_started_it(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    monkeypatch.setenv("PID_FILE", str(pid_file))
    becomes(stand_in, SLEEPER)
    code = "from composer.keras_process.client import run; run({'task': 'echo'})"
    path = os.pathsep.join([str(stand_in), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}
    ) as parent:
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    assert ended(int(pid_file.read_text()))


def test_the_version_of_keras_is_known_without_importing_it() -> None:
    code = (
        "import sys; import composer.keras_process.client as room; print(room.keras_version())\n"
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "{'keras', 'tensorflow', 'numpy', 'h5py'}])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert printed[0] == keras_version()
    assert printed[1] == "[]"
