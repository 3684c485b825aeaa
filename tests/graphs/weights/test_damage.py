"""Kinds of damage and structures of models: what Keras does with the file, and what composer does.

No damage may end in a model that computes other numbers than Keras computes from the source.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import pytest

from composer.authoring.inspection import inspect_model
from composer.errors import FormatError
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare
from tests.graphs.weights.conftest import run
from tests.graphs.weights.damage import (
    Damage,
    add,
    change,
    copy,
    damaged,
    delete,
    exchange_groups,
    exchange_names,
    exchange_values,
    list_layers,
    longer,
    move,
    nothing,
    recast,
    rename,
    without_names,
)

pytestmark = pytest.mark.keras

Keras = Literal["equal", "other", "refuses"]
"""What plain Keras computes from the damaged file, beside what it computes from the sound one."""


@dataclass(frozen=True, slots=True)
class Case:
    structure: str
    damage: Damage
    keras: Keras
    error: str = ""
    warning: str = ""


NAMES, CONFIG, UNUSED = "CMP535", "CMP536", "CMP537"
D = "layers/dense"
LEFT, RIGHT, CHAIN = "layers/functional_1", "layers/functional", "layers/sequential"
BI = "layers/bidirectional"
MHA = "layers/multi_head_attention"
BOX = "layers/layer_box"

CASES = {
    # ------------------------------------------------------------ nothing wrong
    **{
        f"sound-{name}": Case(name, nothing, "equal")
        for name in ("plain", "nested", "sequential", "wrapped", "shared", "custom", "opaque")
    },
    **{
        f"nameless-{name}": Case(name, without_names, "equal")
        for name in ("plain", "nested", "sequential", "wrapped", "shared", "custom", "opaque")
    },
    "values": Case("plain", exchange_values(D, f"{D}_1"), "other"),
    "values-nested": Case("nested", exchange_values(f"{LEFT}/{D}", f"{LEFT}/{D}_1"), "other"),
    "values-custom": Case("custom", exchange_values(BOX, f"{BOX}_1"), "other"),
    "values-opaque": Case("opaque", change("heads/dense/vars/1", lambda v: v + 1), "other"),
    "one-nameless": Case("plain", rename(D, None), "equal"),
    "number-as-name": Case("plain", rename(D, 3), "equal"),
    "seed-of-old": Case("plain", add("layers/dropout/seed_generator/vars/0", [1, 2]), "equal"),
    "no-group-of-a-stateless-layer": Case("plain", delete("layers/dropout"), "equal"),
    # ------------------------------------------------------------ names against places
    "names": Case("plain", exchange_names(D, f"{D}_1"), "equal", NAMES),
    "names-sequential": Case("sequential", exchange_names(D, f"{D}_1"), "equal", NAMES),
    "names-of-towers": Case("nested", exchange_names(LEFT, RIGHT), "equal", NAMES),
    "names-in-tower": Case(
        "nested", exchange_names(f"{LEFT}/{D}", f"{LEFT}/{D}_1"), "equal", NAMES
    ),
    "names-in-chain": Case(
        "nested", exchange_names(f"{CHAIN}/{D}", f"{CHAIN}/{D}_1"), "equal", NAMES
    ),
    "names-shared": Case("shared", exchange_names(D, f"{D}_1"), "equal", NAMES),
    "names-wrapped": Case(
        "wrapped",
        exchange_names("layers/time_distributed", "layers/time_distributed_1"), "equal", NAMES,
    ),
    "names-custom": Case("custom", exchange_names(BOX, f"{BOX}_1"), "equal", NAMES),
    "wrong-name": Case("plain", rename(D, "nobody"), "equal", NAMES),
    "groups": Case("plain", exchange_groups(D, f"{D}_1"), "other", NAMES),
    "groups-of-towers": Case("nested", exchange_groups(LEFT, RIGHT), "other", NAMES),
    "groups-in-tower": Case(
        "nested", exchange_groups(f"{LEFT}/{D}", f"{LEFT}/{D}_1"), "other", NAMES
    ),
    "groups-custom": Case("custom", exchange_groups(BOX, f"{BOX}_1"), "other", NAMES),
    "moved": Case("plain", move(f"{D}_1", f"{D}_7"), "refuses", NAMES),
    # By path the parts of a layer are copied as they lie, so that their names decide nothing.
    "names-in-wrapper": Case(
        "wrapped", exchange_names(f"{BI}/forward_layer", f"{BI}/backward_layer"), "equal"
    ),
    "groups-in-wrapper": Case(
        "wrapped", exchange_groups(f"{BI}/forward_layer", f"{BI}/backward_layer"), "other"
    ),
    "groups-in-attention": Case(
        "wrapped", exchange_groups(f"{MHA}/query_dense", f"{MHA}/key_dense"), "other"
    ),
    "groups-in-custom": Case(
        "custom", exchange_groups(f"{BOX}/chain/dense", f"{BOX}/chain/dense_1"), "other"
    ),
    "names-in-opaque": Case("opaque", exchange_names("heads/dense", "layers/dense"), "equal"),
    # ------------------------------------------------------------ variables against the config
    "no-layers": Case("plain", delete("layers"), "refuses", CONFIG),
    "no-layers-nested": Case("nested", delete(f"{LEFT}/layers"), "refuses", CONFIG),
    "no-layers-custom": Case("custom", delete("layers"), "refuses", CONFIG),
    "no-group": Case("plain", delete(D), "refuses", CONFIG),
    "no-group-shared": Case("shared", delete(D), "refuses", CONFIG),
    "no-group-in-tower": Case("nested", delete(f"{LEFT}/{D}_1"), "refuses", CONFIG),
    "no-group-in-chain": Case("nested", delete(f"{CHAIN}/{D}"), "refuses", CONFIG),
    "no-group-of-custom": Case("custom", delete(f"{BOX}_1"), "refuses", CONFIG),
    "no-cell": Case("wrapped", delete(f"{BI}/backward_layer/cell"), "refuses", CONFIG),
    "no-wrapped": Case("wrapped", delete("layers/time_distributed/layer"), "refuses", CONFIG),
    "no-projection": Case("wrapped", delete(f"{MHA}/value_dense"), "refuses", CONFIG),
    "no-vars": Case("plain", delete("layers/batch_normalization/vars"), "refuses", CONFIG),
    "no-vars-in-opaque": Case("opaque", delete("heads/dense/vars"), "refuses", CONFIG),
    "no-vars-in-custom": Case(
        "custom", delete(f"{BOX}/chain/dense/vars"), "refuses", CONFIG
    ),
    "no-bias": Case("plain", delete(f"{D}/vars/1"), "refuses", CONFIG),
    "no-kernel": Case("sequential", delete(f"{D}/vars/0"), "refuses", CONFIG),
    "no-kernel-in-custom": Case("custom", delete(f"{BOX}/chain/dense/vars/0"), "refuses", CONFIG),
    "no-kernel-in-opaque": Case("opaque", delete("heads/dense/vars/0"), "refuses", CONFIG),
    "no-bias-of-gru": Case("wrapped", delete("layers/gru/cell/vars/2"), "refuses", CONFIG),
    "one-too-many": Case("plain", add(f"{D}/vars/2"), "refuses", CONFIG),
    "one-too-many-stateless": Case("plain", add("layers/dropout/vars/0"), "refuses", CONFIG),
    "one-too-many-in-tower": Case("nested", add(f"{LEFT}/{D}/vars/2"), "refuses", CONFIG),
    "one-of-the-model": Case("plain", add("vars/0"), "refuses", CONFIG),
    "one-of-a-tower": Case("nested", add(f"{LEFT}/vars/0"), "refuses", CONFIG),
    "one-of-an-input": Case("plain", add("layers/input_layer/vars/0"), "refuses", CONFIG),
    "other-number": Case("plain", move(f"{D}/vars/1", f"{D}/vars/5"), "refuses", CONFIG),
    "shape": Case("plain", longer(f"{D}/vars/1"), "refuses", CONFIG),
    "shape-in-chain": Case("nested", longer(f"{CHAIN}/{D}/vars/0"), "refuses", CONFIG),
    "shape-of-cell": Case("wrapped", longer(f"{BI}/forward_layer/cell/vars/1"), "refuses", CONFIG),
    "shape-of-projection": Case("wrapped", longer(f"{MHA}/key_dense/vars/0"), "refuses", CONFIG),
    "scalar": Case("plain", change(f"{D}/vars/1", lambda v: v[0]), "refuses", CONFIG),
    "double": Case("plain", recast(f"{D}/vars/0", "float64"), "equal", CONFIG),
    "half": Case("nested", recast(f"{LEFT}/{D}/vars/0", "float16"), "other", CONFIG),
    "integers": Case("wrapped", recast("layers/gru/cell/vars/0", "int32"), "other", CONFIG),
    # ------------------------------------------------------------ what Keras does not read
    "group-of-nobody": Case("plain", add(f"{D}_7/vars/0"), "equal", "", UNUSED),
    "group-of-nobody-in-tower": Case("nested", add(f"{LEFT}/{D}_7/vars/0"), "equal", "", UNUSED),
    "copied-group": Case("sequential", copy(D, f"{D}_7"), "equal", "", UNUSED),
    "below-a-layer": Case("plain", add(f"{D}/more/vars/0"), "equal", "", UNUSED),
    "below-a-part": Case("wrapped", add(f"{MHA}/key_dense/more/vars/0"), "equal", "", UNUSED),
    "beside-the-layers": Case("plain", add("more/vars/0"), "equal", "", UNUSED),
    "beside-the-layers-of-a-tower": Case("nested", add(f"{LEFT}/more/vars/0"), "equal", "", UNUSED),
    "loose-dataset": Case("plain", add("layers/loose"), "equal", "", UNUSED),
}  # fmt: skip
FORMS = {"prefix": "prefix: p_", "nested": "nested: whole", "flat": "prefix: p_, flatten: true"}


def _forms(structure: str) -> tuple[str, ...]:
    if structure == "opaque":
        return ("nested",)
    return ("prefix", "nested", "flat") if structure == "nested" else ("prefix", "nested")


def _prepare(folder: Path, case: str, form: str) -> Prepared:
    spec = folder / f"{case}.{form}.yaml"
    outputs = (
        'outputs: ["it:whole#0.0", "it:whole#0.1"]\n' if CASES[case].structure == "opaque" else ""
    )
    spec.write_text(
        f"version: 1\nname: linked\nsources:\n  it: {{from: {case}.keras, {FORMS[form]}}}\n"
        + outputs,
        encoding="utf-8",
    )
    return prepare(spec, store=Store(folder / "store"))


@pytest.fixture(scope="module")
def folder(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a file for each case."""
    made = tmp_path_factory.mktemp("damaged")
    for name, case in CASES.items():
        damaged(saved / f"{case.structure}.keras", made / f"{name}.keras", case.damage)
    return made


@pytest.mark.parametrize("case", CASES)
def test_damage_is_told_by_name_without_keras(case: str, folder: Path) -> None:
    wanted = CASES[case]
    for form in _forms(wanted.structure):
        prepared = _prepare(folder, case, form)
        assert [found.code for found in prepared.errors] == [wanted.error] * bool(wanted.error)
        warned = [found.code for found in prepared.diagnostics if found.severity == "warning"]
        if wanted.structure == "opaque":
            # Nobody counted its outputs, which is a warning of its own.
            warned = [code for code in warned if code == UNUSED]
        if not wanted.error:
            assert warned == [wanted.warning] * bool(wanted.warning)
        for found in prepared.errors:
            assert found.path == ("sources", "it", "from")


@pytest.mark.parametrize("case", [name for name in CASES if CASES[name].structure != "opaque"])
def test_inspect_says_the_same(case: str, folder: Path) -> None:
    wanted = CASES[case]
    path = folder / f"{case}.keras"
    if not wanted.error:
        assert len(inspect_model(path).warnings) == bool(wanted.warning)
        return
    with pytest.raises(FormatError) as caught:
        inspect_model(path)
    assert caught.value.code == wanted.error


@pytest.mark.slow
def test_what_is_linked_computes_what_keras_computes_from_the_source(folder: Path) -> None:
    for name, case in CASES.items():
        if not case.error:
            for form in _forms(case.structure):
                target = folder / f"{name}.{form}.out.keras"
                build_spec(_prepare(folder, name, form), output=target)
    run("load_damaged", folder)
    outcomes = json.loads((folder / "outcomes.json").read_text(encoding="utf-8"))
    for name, case in CASES.items():
        found = outcomes[name]
        sound = outcomes[f"sound-{case.structure}"]
        assert sound is not None
        kind = "refuses" if found is None else "equal" if found == sound else "other"
        assert kind == case.keras, name
        if not case.error:
            for form in _forms(case.structure):
                assert outcomes[f"{name}.{form}.out"] == found, (name, form)


# ---------------------------------------------------------------- .h5 files


def _listed(*order: int) -> Damage:
    return list_layers(lambda names: [names[place] for place in order])


def _weight_names(layer: str, names: list[str]) -> Damage:
    def damage(file: h5py.File) -> None:
        file[f"model_weights/{layer}"].attrs["weight_names"] = names

    return damage


def _both(*damages: Damage) -> Damage:
    def damage(file: h5py.File) -> None:
        for one in damages:
            one(file)

    return damage


ONE = "model_weights/one"
H5_CASES = {
    "sound": ("plain", nothing, ""),
    "sound-nested": ("nested", nothing, ""),
    "order": ("plain", _listed(0, 2, 1, 3, 4, 5), NAMES),
    "order-of-towers": ("nested", _listed(0, 2, 1, 3, 4), NAMES),
    "no-layer": ("plain", _both(_listed(0, 2, 3, 4, 5), delete(ONE)), CONFIG),
    "no-bias": (
        "plain",
        _both(_weight_names("one", ["one/kernel"]), delete(f"{ONE}/one/bias")),
        CONFIG,
    ),
    "one-too-many": (
        "plain",
        _both(_weight_names("drop", ["drop/more"]), add("model_weights/drop/drop/more")),
        CONFIG,
    ),
    "shape": ("plain", longer(f"{ONE}/one/bias"), CONFIG),
    "shape-in-tower": ("nested", longer("model_weights/left/b/bias"), CONFIG),
}


@pytest.mark.parametrize("case", H5_CASES)
def test_h5_files_are_held_to_the_same(case: str, saved: Path, tmp_path: Path) -> None:
    structure, damage, code = H5_CASES[case]
    path = damaged(saved / f"{structure}.h5", tmp_path / "it.h5", damage)
    if not code:
        assert inspect_model(path).parameters > 0
        return
    with pytest.raises(FormatError):
        inspect_model(path)
    spec = tmp_path / "spec.yaml"
    spec.write_text("version: 1\nname: linked\nsources:\n  it: {from: it.h5}\n", encoding="utf-8")
    (found,) = prepare(spec, store=Store(tmp_path / "store")).errors
    assert (found.code, found.path) == (code, ("sources", "it", "from"))


def test_a_damaged_architecture_is_told_of_before_the_weights_that_it_is_to_get(
    folder: Path,
) -> None:
    spec = folder / "weights.yaml"
    for name, code in (("names", NAMES), ("no-bias", CONFIG)):
        spec.write_text(
            "version: 1\nname: linked\nsources:\n"
            f"  it: {{from: {name}.keras, weights: sound-plain.keras}}\n",
            encoding="utf-8",
        )
        (found,) = prepare(spec, store=Store(folder / "store")).errors
        assert (found.code, found.path) == (code, ("sources", "it", "from"))
