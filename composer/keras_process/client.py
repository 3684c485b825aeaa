"""Hands a Keras process a request, and brings back its answer or its failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from composer.errors import KerasProcessError
from composer.files.unfinished import temporary_folder
from composer.keras_process.environment import hermetic_environment
from composer.keras_process.error_documents import error_of
from composer.keras_process.progress_lines import lines
from composer.keras_process.shared_process import ask_shared

_WORKER = "composer.keras_process.worker"
_TAIL_LINES = 12
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-macos")
_INSTALL = "install it with: pip install 'keras>=3.15.1' tensorflow"


@cache
def keras_version() -> str:
    """Return the version of the installed Keras, without importing it.

    Raises:
        KerasProcessError: Keras is not installed.
    """
    try:
        return metadata.version("keras")
    except metadata.PackageNotFoundError:
        raise KerasProcessError("CMP711.not-installed") from None


@cache
def versions() -> str:
    """Return the versions of what answers: Keras, and TensorFlow, which draws random numbers.

    Raises:
        KerasProcessError: Keras is not installed.
    """
    found = [f"keras {keras_version()}"]
    for name in _TENSORFLOWS:
        with suppress(metadata.PackageNotFoundError):
            found.append(f"tensorflow {metadata.version(name)}")
            break
    return ", ".join(found)


def run(
    request: Mapping[str, Any],
    *,
    timeout: float | None = None,
    progress: Callable[[str], None] | None = None,
    share_downloads: bool = False,
) -> Mapping[str, Any]:
    """Let a Keras process do one task and return its answer.

    That is a fork of the process that a block of ``shared_keras`` has, else a fresh process. It
    begins in an empty folder with :func:`hermetic_environment`; paths in the request must be
    absolute. It dies with this process, and with the block that waits for it.

    Args:
        request: plain JSON with the key ``task`` (see ``worker.py``) and what that task takes.
        timeout: seconds after which the process is stopped; None waits as long as it runs.
        progress: called with each line of progress that the task reports.
        share_downloads: let downloaded weights be kept in the user's own Keras folder.

    Returns:
        the task's answer, plain JSON.

    Raises:
        SourceError: the task says that what it was asked to import can't be had.
        BuildError: the task failed for a reason outside of the request, such as the network.
        KerasProcessError: the process could not run Keras, crashed, or gave no answer.
    """
    with temporary_folder() as temporary:
        folder = temporary.resolve()
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        environment = hermetic_environment(os.environ, folder, share_downloads=share_downloads)
        (folder / "stderr.txt").touch()
        deadline = None if timeout is None else time.monotonic() + timeout
        code = None
        try:
            if request.get("with_keras", True):
                code = ask_shared(folder, environment, deadline, progress)
            if code is None or not (folder / "answer.json").exists():
                # Nothing is shared here, or the task ended its fork: by itself it may succeed.
                code = _run_alone(folder, environment, deadline, progress)
        except TimeoutError:
            raise KerasProcessError(
                "CMP711.timeout", timeout=timeout, help=_tail(folder / "stderr.txt")
            ) from None
        return _read_answer(folder / "answer.json", code, folder / "stderr.txt")


def _run_alone(
    folder: Path,
    environment: Mapping[str, str],
    deadline: float | None,
    progress: Callable[[str], None] | None,
) -> int:
    """Let a fresh process do a task and nothing else; return its exit code.

    Raises:
        TimeoutError: the deadline has passed.
    """
    request_file, answer_file = folder / "request.json", folder / "answer.json"
    with (folder / "stderr.txt").open("wb") as talk:
        process = subprocess.Popen(
            # -P: a file keras.py in the folder where compose runs is not Keras.
            [sys.executable, "-P", "-m", _WORKER, str(request_file), str(answer_file)],
            stdin=subprocess.PIPE,  # its end tells the worker that this process is gone
            stdout=subprocess.PIPE,
            stderr=talk,
            cwd=environment["TMPDIR"],
            env=environment,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            for line in lines(process.stdout.fileno(), deadline):
                if progress is not None:
                    progress(line)
            return process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop the process and all it started, if any of them still runs, and close its pipes."""
    if process.poll() is None:
        # The session is the worker's own, so its number names the whole group.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _read_answer(path: Path, returncode: int, talk_file: Path) -> Mapping[str, Any]:
    try:
        envelope = json.loads(path.read_bytes())
        error, answer = envelope.get("error"), envelope.get("answer")
        failure = None if error is None else error_of(error)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        failure = answer = None
    if failure is not None:
        if isinstance(failure, KerasProcessError) and failure.help is None:
            failure.own_help = _tail(talk_file)
        raise failure
    if not isinstance(answer, dict):
        raise KerasProcessError(
            "CMP711.no-answer", ending=_ending(returncode), help=_tail(talk_file)
        )
    return answer


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"ended (exit code {returncode})"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = str(-returncode)
    hint = ", often because the memory was used up" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def _tail(talk_file: Path) -> str | None:
    """Return the last lines that the process wrote to stderr, for the ``help`` of an error."""
    with talk_file.open("rb") as stream:
        stream.seek(max(0, talk_file.stat().st_size - 65536))
        text = stream.read().decode("utf-8", "replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    return "\n".join(["its last words were:", *lines[-_TAIL_LINES:]])
