"""No bytes of an archive or of an HDF5 file give a traceback, a crash or a hang."""

from __future__ import annotations

import json

from hypothesis import given

from tests.container.minimal import dense_model
from tests.fuzz.mutations import damaged, documents
from tests.fuzz.originals import OLD, SPEC, old_weights
from tests.legacy.h5.handmade import write_h5
from tests.security.poison import contents, rewritten


def test_damaged_archives_are_read_or_refused(fuzz, folder, compose) -> None:
    (folder / "spec.yaml").write_text(SPEC % "keras")
    original = dense_model(folder / "m.keras").read_bytes()

    @fuzz
    @given(damaged(original))
    def holds(data: bytes) -> None:
        (folder / "m.keras").write_bytes(data)
        compose("inspect", "m.keras")
        compose("validate", "spec.yaml")

    holds()


def test_damaged_weights_in_a_sound_archive_are_read_or_refused(fuzz, folder, compose) -> None:
    (folder / "spec.yaml").write_text(SPEC % "keras")
    members = contents(dense_model(folder / "m.keras"))

    @fuzz
    @given(damaged(members["model.weights.h5"]))
    def holds(data: bytes) -> None:
        rewritten(folder / "m.keras", {**members, "model.weights.h5": data})
        compose("inspect", "m.keras")
        if compose("plan", "spec.yaml") == 0:
            compose("build", "spec.yaml", "-o", "built.keras")

    holds()


def test_damaged_h5_files_are_read_or_refused(fuzz, folder, compose) -> None:
    (folder / "spec.yaml").write_text(SPEC % "h5")
    original = write_h5(folder / "m.h5", OLD, old_weights()).read_bytes()

    @fuzz
    @given(damaged(original))
    def holds(data: bytes) -> None:
        (folder / "m.h5").write_bytes(data)
        compose("inspect", "m.h5")
        compose("validate", "spec.yaml")

    holds()


def test_changed_configs_of_h5_files_are_read_or_refused(fuzz, folder, compose) -> None:
    (folder / "spec.yaml").write_text(SPEC % "h5")

    @fuzz
    @given(documents([OLD, {**OLD, "config": OLD["config"]["layers"]}]))
    def holds(config: object) -> None:
        json.dumps(config)
        for version in ("2.2.4", "1.2.2", "3.15.1"):
            write_h5(folder / "m.h5", config, old_weights(), version=version)
            compose("inspect", "m.h5")
            compose("validate", "spec.yaml")

    holds()
