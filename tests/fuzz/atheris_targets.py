"""Fuzzing guided by coverage: libFuzzer looks for inputs that reach code no other one reached.

    python -m tests.fuzz.atheris_targets TARGET [-runs=N] [-max_total_time=SECONDS] [CORPUS]

Each target holds what the tests beside it hold. An input that breaks it is left in the current
folder as ``crash-…``, and given in the place of CORPUS it is tried again. Needs the extra ``fuzz``.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.container.minimal import dense_model
from tests.fuzz.mutations import TOKENS, documents
from tests.fuzz.oracle import compose
from tests.fuzz.originals import LINKED, OLD, SPEC, SPECS, WEIGHTS_SPEC, old_weights
from tests.legacy.h5.handmade import write_h5
from tests.security.poison import contents, rewritten

Target = Callable[[bytes], object]
STORE = Path("store")
KEPT = 2000
"""Inputs after which the store is emptied: what it remembers of each would fill the disk."""


def spec(corpus: Path) -> Target:
    """The text of a spec."""
    Path("models").mkdir()
    for name in ("tower", "tower_b", "nested"):
        dense_model(Path("models", f"{name}.keras"))
    for number, text in enumerate((LINKED, *SPECS)):
        (corpus / f"{number}.yaml").write_text(text, encoding="utf-8")

    def holds(data: bytes) -> None:
        Path("spec.yaml").write_bytes(data)
        compose("validate", "--offline", "spec.yaml")

    return holds


def config(corpus: Path) -> Target:
    """The config of a model; the input's bytes choose among the changes of ``documents``."""
    Path("spec.yaml").write_text(SPEC % "keras", encoding="utf-8")
    members = contents(dense_model(Path("m.keras")))
    (corpus / "zeros").write_bytes(bytes(64))

    @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(documents([json.loads(members["config.json"]), OLD]))
    def holds(document: object) -> None:
        changed = {**members, "config.json": json.dumps(document).encode()}
        rewritten(Path("m.keras"), changed)
        compose("inspect", "m.keras")
        compose("plan", "spec.yaml")

    return holds.hypothesis.fuzz_one_input


def archive(corpus: Path) -> Target:
    """The bytes of a ``.keras`` file."""
    Path("spec.yaml").write_text(SPEC % "keras", encoding="utf-8")
    dense_model(corpus / "m.keras")

    def holds(data: bytes) -> None:
        Path("m.keras").write_bytes(data)
        compose("inspect", "m.keras")
        compose("validate", "spec.yaml")

    return holds


def hdf5(corpus: Path) -> Target:
    """The bytes of an old ``.h5`` file."""
    Path("spec.yaml").write_text(SPEC % "h5", encoding="utf-8")
    write_h5(corpus / "m.h5", OLD, old_weights())

    def holds(data: bytes) -> None:
        Path("m.h5").write_bytes(data)
        compose("inspect", "m.h5")
        compose("validate", "spec.yaml")

    return holds


def weights(corpus: Path) -> Target:
    """The bytes of the file that ``weights:`` names."""
    Path("spec.yaml").write_text(WEIGHTS_SPEC % "w.weights.h5", encoding="utf-8")
    members = contents(dense_model(Path("m.keras")))
    (corpus / "w.weights.h5").write_bytes(members["model.weights.h5"])

    def holds(data: bytes) -> None:
        Path("w.weights.h5").write_bytes(data)
        compose("validate", "spec.yaml")

    return holds


TARGETS: dict[str, Callable[[Path], Target]] = {
    "spec": spec, "config": config, "archive": archive, "hdf5": hdf5, "weights": weights,
}  # fmt: skip


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(
            f"usage: python -m tests.fuzz.atheris_targets {'|'.join(TARGETS)} [-runs=N] [CORPUS]"
        )
    # libFuzzer ends its process without a word to Python, so another one clears up.
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        child = os.fork()
        if not child:
            _fuzz(Path(folder), sys.argv[1], sys.argv[2:])
        while True:
            try:
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            except KeyboardInterrupt:
                continue  # it reaches the child as well, which then says how far it came


def _fuzz(folder: Path, name: str, given_options: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["composer"]):
        _import_all()
    called_in = Path.cwd()
    options = [o if o.startswith("-") else str(called_in / o) for o in given_options]
    os.chdir(folder)
    os.environ["COMPOSE_HOME"] = str(folder / STORE)
    corpus = folder / "corpus"
    corpus.mkdir()
    target = TARGETS[name](corpus)
    if all(option.startswith("-") for option in options):
        options.append(str(corpus))
    if name == "spec":
        tokens = "".join(f'"{_escaped(token)}"\n' for token in TOKENS)
        (folder / "tokens").write_text(tokens, encoding="utf-8")
        options.append(f"-dict={folder / 'tokens'}")
    done = 0

    def run(data: bytes) -> None:
        nonlocal done
        done += 1
        if done % KEPT == 0:
            shutil.rmtree(STORE, ignore_errors=True)
        target(data)

    atheris.Setup([sys.argv[0], f"-artifact_prefix={called_in}/", *options], run)
    atheris.Fuzz()


def _import_all() -> None:
    """Import the whole package but what starts Keras, so that its coverage is counted."""
    import composer

    for module in pkgutil.walk_packages(composer.__path__, "composer."):
        if not module.name.startswith("composer.keras_process.") and "__main__" not in module.name:
            importlib.import_module(module.name)


def _escaped(token: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token.encode("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
