"""The process that runs Keras: reads one request, does one task, writes one answer.

Started by ``client.py`` as ``python -m composer.keras_process.worker REQUEST ANSWER``. The answer
goes to a file and progress to the original stdout; whatever else is printed goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path

from composer.errors import ComposeError, KerasProcessError
from composer.files.unfinished import TEMPORARY
from composer.keras_process.error_documents import document

TASKS = {
    "import_app": "composer.keras_process.tasks.import_app",
    "import_code": "composer.keras_process.tasks.import_code",
    "import_h5": "composer.keras_process.tasks.import_h5",
    "import_hub": "composer.keras_process.tasks.import_hub",
    "import_program": "composer.keras_process.tasks.import_program",
    "transcribe_saved_model": "composer.keras_process.tasks.transcribe_saved_model",
    "load_weights": "composer.keras_process.tasks.load_weights",
    "answer": "composer.keras_process.tasks.answer",
    "verify": "composer.keras_process.tasks.verify",
    "export": "composer.keras_process.tasks.export",
}
"""Each module has ``perform(request, report) -> answer``, both plain JSON. A request may also name
a module, as that of the check of an export does."""

START = "composer.keras_process.tasks.start"
"""Imports Keras."""


class _NoKeras(MetaPathFinder):
    """Keeps Keras out of a process: TensorFlow imports it by itself where it is installed.

    (TensorFlow also asks where the package lies, and has to be told.)
    """

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname.startswith("keras."):
            raise ModuleNotFoundError("Keras is kept out of this process", name=fullname)


def main(arguments: list[str]) -> int:
    """Do the task and return the exit code: 0 when an answer or a refusal was written."""
    request_file, answer_file = map(Path, arguments)
    report = _keep_stdout()
    end_with_parent(request_file.parent)
    return perform(request_file, answer_file, report)


def perform(request_file: Path, answer_file: Path, report: Callable[[str], None]) -> int:
    """Do the task of a request and write the answer or the refusal.

    Args:
        request_file: JSON.
        answer_file: to write, at once or not at all.
        report: called with lines of progress.

    Returns:
        The exit code 0.
    """
    request = json.loads(request_file.read_bytes())
    try:
        if request.get("with_keras", True):
            importlib.import_module(START)
        else:
            # What is exported has to run where there is no Keras.
            sys.meta_path.insert(0, _NoKeras())
        task = importlib.import_module(TASKS.get(request["task"], request["task"]))
        envelope = {"answer": task.perform(request, report)}
    except ComposeError as error:
        envelope = {"error": document(error)}
    except Exception as problem:
        # What no task foresaw: the trace goes to stderr, whose end the client shows.
        traceback.print_exc()
        failed = KerasProcessError(
            "CMP711.failed", task=request["task"], reason=f"{type(problem).__name__}: {problem}"
        )
        envelope = {"error": document(failed)}
    partial = answer_file.with_suffix(".partial")
    partial.write_text(json.dumps(envelope), encoding="utf-8")
    partial.replace(answer_file)
    return 0


def _keep_stdout() -> Callable[[str], None]:
    """Keep stdout for lines of progress, and send all other prints to stderr."""
    progress = os.dup(1)
    os.dup2(2, 1)

    def report(line: str) -> None:
        os.write(progress, (" ".join(line.split()) + "\n").encode())

    return report


def end_with_parent(folder: Path | None) -> None:
    """End this process, and its folder, when the one that started it is gone, however it ended."""

    def watch() -> None:
        os.read(0, 1)
        if folder is not None:
            remove_folder(folder)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def remove_folder(folder: Path) -> None:
    """Remove the temporary folder of a task."""
    if folder.name.startswith(f".{TEMPORARY}."):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    # Not through interpreter shutdown: TensorFlow's threads may crash there after the answer.
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
