"""No config of a model gives a traceback or a hang, in any verb; a built one is a sound file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from composer.errors import ComposeError
from composer.model_files.read_model import read_model
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare
from tests.fuzz.mutations import documents
from tests.security.poison import contents, rewritten

NAMES = ("tower", "nested", "shared", "masked", "two_heads")
KEYS = ("", ", prefix: p_", ", flatten: true", ", nested: whole", ", trainable: false",
        ", exclude: [{class: Dense}]", ", trust: true")  # fmt: skip


def config_of(models: Path, name: str) -> Any:
    return json.loads(contents(models / f"{name}.keras")["config.json"])


def test_changed_configs_are_listed_planned_and_linked_or_refused(
    fuzz, folder, models, compose
) -> None:
    files = {name: contents(models / f"{name}.keras") for name in NAMES}
    changed = st.one_of(
        st.tuples(st.just(name), documents([config_of(models, name)])) for name in NAMES
    )

    @fuzz
    @given(changed, st.sampled_from(KEYS))
    def holds(of: tuple[str, Any], keys: str) -> None:
        name, config = of
        members = {**files[name], "config.json": json.dumps(config).encode()}
        rewritten(folder / "m.keras", members)
        (folder / "spec.yaml").write_text(
            f"version: 1\nname: m\nsources:\n  m: {{from: m.keras{keys}}}\n"
        )
        compose("inspect", "m.keras")
        if compose("plan", "spec.yaml"):
            return
        prepared = prepare("spec.yaml")
        if prepared.plan is not None and prepared.plan.complete:
            try:
                artifact = build_spec(prepared, output=folder / "built.keras")
            except ComposeError:
                assert not (folder / "built.keras").exists()
            else:
                read_model(artifact.path)
                artifact.path.unlink()

    holds()


def test_changed_metadata_is_read_or_refused(fuzz, folder, models, compose) -> None:
    members = contents(models / "tower.keras")
    linked = {"keras_version": "3.15.1", "composer": {"format": 1, "sources": {"a": {"from": "b"}},
              "origins": {"image": "a:image"}}}  # fmt: skip

    @fuzz
    @given(documents([linked, json.loads(members["metadata.json"])]))
    def holds(metadata: Any) -> None:
        changed = {**members, "metadata.json": json.dumps(metadata).encode()}
        rewritten(folder / "m.keras", changed)
        compose("inspect", "m.keras")

    holds()
