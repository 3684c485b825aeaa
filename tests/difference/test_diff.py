"""``compose diff``: what changed between two models, whatever form each of them has."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest

from composer.difference.compare import ModelDifference
from composer.difference.tensor_values import Distance
from composer.difference.words import distance_in_words
from composer.errors import BuildError, FormatError, SpecError, UsageError
from composer.resolver.plan_document import plan_document
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.comparison import compare_files
from composer.workflows.locking import write_lock
from composer.workflows.pipeline import prepare
from tests.commands import Compose, in_this_process

PAIR = """\
version: 1
name: pair
inputs: {image: {shape: [16, 16, 3]}}
sources:
  a: {from: models/tower.keras, prefix: a_, inputs: image}
  b: {from: models/tower_b.keras, prefix: b_, inputs: image}
"""


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pair.yaml").write_text(PAIR)
    return tmp_path


def rewritten(source: Path, target: Path, change: Callable[[h5py.File], None]) -> None:
    """Copy a model with its weights changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        change(file)
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def changed(folder: Path, old: str, new: str, name: str = "other.yaml") -> ModelDifference:
    assert old in PAIR
    (folder / name).write_text(PAIR.replace(old, new))
    return compare_files("pair.yaml", name)


def test_a_model_does_not_differ_from_itself(folder: Path) -> None:
    found = compare_files("pair.yaml", "pair.yaml")
    assert not found.any
    assert found.equal == 11
    assert not compare_files("models/tower.keras", "models/tower.keras").any


def test_what_a_spec_plans_is_what_its_artifact_holds(folder: Path) -> None:
    build_spec(prepare("pair.yaml", deep=True, store=Store(folder / "store")), output="pair.keras")
    assert not compare_files("pair.yaml", "pair.keras").any


def test_a_new_prefix_is_a_rename_and_nothing_else(folder: Path) -> None:
    found = changed(folder, "prefix: a_", "prefix: left_")
    assert {change.was: change.name for change in found.changed} == {
        f"a_{name}": f"left_{name}" for name in ("conv1", "drop", "conv2", "pool", "probs")
    }
    assert all(change.renamed_only for change in found.changed)
    assert not found.added
    assert not found.removed
    assert found.outputs is None


def test_a_dropped_layer_is_removed_and_the_outputs_are_others(folder: Path) -> None:
    found = changed(folder, "prefix: a_,", "prefix: a_, exclude: [probs],")
    assert [layer.name for layer in found.removed] == ["a_probs"]
    assert found.outputs is not None
    assert [str(ports) for ports in found.outputs] == ["[a_probs, b_probs]", "[a_pool, b_probs]"]


def test_a_bypassed_layer_shows_as_new_wiring(folder: Path) -> None:
    found = changed(folder, "prefix: a_,", "prefix: a_, exclude: [drop],")
    assert [layer.name for layer in found.removed] == ["a_drop"]
    assert [(change.name, change.calls) for change in found.changed] == [
        ("a_conv2", ((("a_drop",),), (("a_conv1",),)))
    ]


def test_a_frozen_source_shows_the_flag_of_each_layer(folder: Path) -> None:
    found = changed(folder, "prefix: a_,", "prefix: a_, trainable: false,")
    assert {change.config for change in found.changed} == {(("trainable", (True, False)),)}


def test_other_weights_are_measured(folder: Path, models: Path) -> None:
    path = folder / "nudged.keras"
    rewritten(models / "tower.keras", path, nudge)
    found = compare_files("models/tower.keras", "nudged.keras")
    assert [change.name for change in found.changed] == ["probs"]
    (weight,) = found.changed[0].weights
    assert weight.distance is not None
    assert (weight.path, weight.distance.changed, weight.distance.size) == ("vars/1", 2, 10)
    assert weight.distance.largest == pytest.approx(0.5)


def nudge(file: h5py.File) -> None:
    bias = file["layers/dense/vars/1"]
    values = bias[...]
    values[3] += 0.5
    values[4] -= 0.25
    bias[...] = values


def test_weights_that_are_no_number_are_counted_and_not_measured(
    folder: Path, models: Path
) -> None:
    def break_it(file: h5py.File) -> None:
        file["layers/dense/vars/1"][...] = np.full(10, np.nan, "float32")

    rewritten(models / "tower.keras", folder / "broken.keras", break_it)
    (change,) = compare_files("models/tower.keras", "broken.keras").changed
    assert change.weights[0].distance is not None
    assert change.weights[0].distance.changed == 10
    assert change.weights[0].distance.largest is None
    # The same not-a-number twice is no difference.
    assert not compare_files("broken.keras", "broken.keras").any
    rewritten(folder / "broken.keras", folder / "again.keras", lambda _file: None)
    assert not compare_files("broken.keras", "again.keras").any


def test_a_renamed_source_is_followed_by_its_values_and_wiring(folder: Path) -> None:
    (folder / "one.yaml").write_text(
        "version: 1\nname: one\nsources: {a: {from: models/tower.keras, prefix: x_}}\n"
    )
    build_spec(prepare("one.yaml", deep=True, store=Store(folder / "store")), output="one.keras")
    found = compare_files("models/tower.keras", "one.keras")
    assert not found.added
    assert not found.removed
    assert {change.name for change in found.changed} == {
        "x_image", "x_conv1", "x_drop", "x_conv2", "x_pool", "x_probs"
    }  # fmt: skip
    assert all(change.renamed_only for change in found.changed)


def test_plan_documents_are_compared_without_their_sources(folder: Path) -> None:
    plan = prepare("pair.yaml", store=Store(folder / "store")).plan
    assert plan is not None
    (folder / "plan.json").write_text(json.dumps(plan_document(plan)))
    assert not compare_files("plan.json", "pair.yaml").any
    (folder / "other.yaml").write_text(PAIR.replace("prefix: b_", "prefix: c_"))
    found = compare_files("plan.json", "other.yaml")
    assert len([change for change in found.changed if change.was]) == 5


ONE = """\
version: 1
name: one
inputs: {image: {shape: [16, 16, 3]}}
sources: {a: {from: models/tower.keras, inputs: image}}
"""

FORMS = {
    "single": ("outputs: a\n", "probs"),
    "list": ("outputs: [a]\n", "[probs]"),
    "map": ("outputs: {probs: a}\n", "{probs: probs}"),
    "other_key": ("outputs: {result: a}\n", "{result: probs}"),
}


@pytest.mark.parametrize("old", FORMS)
@pytest.mark.parametrize("new", FORMS)
def test_the_form_of_outputs_counts_in_specs_and_plans_alike(
    folder: Path, compose: Compose, old: str, new: str
) -> None:
    for name in (old, new):
        (folder / f"{name}.yaml").write_text(ONE + FORMS[name][0])
        (folder / f"{name}.json").write_text(compose("plan", f"{name}.yaml", "--json").out)
    for first, second in itertools.product(("yaml", "json"), repeat=2):
        found = compare_files(f"{old}.{first}", f"{new}.{second}")
        told = None if old == new else [FORMS[old][1], FORMS[new][1]]
        assert (found.outputs and [str(ports) for ports in found.outputs]) == told
        assert found.any == (old != new)


def test_inputs_by_name_are_not_inputs_by_place(folder: Path, compose: Compose) -> None:
    (folder / "one.yaml").write_text(ONE)
    (folder / "named.yaml").write_text(f"{ONE}output: {{signature: dict}}\n")
    code, out, _ = compose("diff", "one.yaml", "named.yaml")
    assert code == 4
    assert "inputs   image → {image: image}" in out
    document = json.loads(compose("diff", "one.yaml", "named.yaml", "--json").out)
    assert document["inputs"] == {"before": "image", "now": {"image": "image"}}


def test_a_plan_of_an_earlier_version_says_no_form_and_is_compared_without(
    folder: Path, compose: Compose
) -> None:
    (folder / "map.yaml").write_text(ONE + FORMS["map"][0])
    document = json.loads(compose("plan", "map.yaml", "--json").out)
    assert document.pop("forms") == {"inputs": "single", "outputs": "map"}
    (folder / "old.json").write_text(json.dumps(document))
    assert not compare_files("old.json", "map.yaml").any


HEAD = """\
version: 1
name: head
inputs: {image: {shape: [16, 16, 3]}}
sources: {a: {from: models/tower.keras, exclude: [probs], inputs: image}}
layers:
  conv:
    class: Conv2D
    args: {filters: 3, kernel_size: 3, kernel_initializer: he_normal}
    inputs: "a:conv2"
outputs: conv
"""


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("filters: 3", "filters: 8", ("filters", (3, 8))),
        ("kernel_size: 3", "kernel_size: [3, 5]", ("kernel_size", (3, [3, 5]))),
        ("filters: 3", "filters: 3, use_bias: false", ("use_bias", ("not given", False))),
        (", kernel_initializer: he_normal", "", ("kernel_initializer", ("he_normal", "not given"))),
    ],
)
def test_layers_that_keras_has_not_made_are_compared_by_what_the_specs_give(
    folder: Path, compose: Compose, old: str, new: str, change: object
) -> None:
    (folder / "head.yaml").write_text(HEAD)
    (folder / "other.yaml").write_text(HEAD.replace(old, new))
    assert not compare_files("head.yaml", "head.yaml").any
    found = compare_files("head.yaml", "other.yaml")
    (changed,) = found.changed
    assert (changed.name, changed.config) == ("conv", (change,))
    assert changed.weights == ()
    _, out, _ = compose("diff", "head.yaml", "other.yaml")
    assert "note: Keras has not made conv of other.yaml yet" in out
    assert "--deep asks Keras" in out
    # What of a plan is deferred is nothing that went.
    (folder / "plan.json").write_text(compose("plan", "other.yaml", "--json").out)
    assert not compare_files("plan.json", "head.yaml").any


def test_another_seed_of_layers_to_be_made_is_a_difference(folder: Path) -> None:
    (folder / "head.yaml").write_text(HEAD)
    (folder / "other.yaml").write_text(f"{HEAD}seed: 5\n")
    assert compare_files("head.yaml", "other.yaml").facts == (("seed", (0, 5)),)


@pytest.mark.slow
def test_a_made_layer_and_one_to_be_made_differ_in_what_the_spec_gives(
    folder: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "head.yaml").write_text(HEAD)
    assert compose("build", "head.yaml", "-o", "head.keras").code == 0
    monkeypatch.setenv("COMPOSE_HOME", str(folder / "another"))  # that knows of no layer
    for old, new, paths in (
        ("filters: 3", "filters: 8", ["filters"]),
        ("he_normal", "zeros", ["kernel_initializer"]),
        ("filters: 3", "filters: 3, padding: SAME", ["padding"]),
        ("name: head", "name: head2", []),
        ("kernel_size: 3", "kernel_size: [3, 3], activation: linear", []),
    ):
        (folder / "other.yaml").write_text(HEAD.replace(old, new))
        for pair in (("head.keras", "other.yaml"), ("other.yaml", "head.keras")):
            found = compare_files(*pair)
            assert [path for change in found.changed for path, _ in change.config] == paths
            assert not any(change.weights for change in found.changed)


def test_a_plan_says_what_it_has_not(folder: Path, compose: Compose) -> None:
    (folder / "plan.json").write_text(compose("plan", "pair.yaml", "--json").out)
    (folder / "other.yaml").write_text(PAIR.replace("prefix: a_,", "prefix: a_, trainable: false,"))
    code, out, _ = compose("diff", "plan.json", "other.yaml")
    assert code == 4
    assert "    trainable: true → false" in out
    assert "note: plan.json is a plan: it holds no arguments of layers but trainable" in out


@pytest.fixture
def locked(folder: Path) -> Path:
    write_lock("pair.yaml", ())
    return folder


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("prefix: a_,", "prefix: a_, trainable: false,", "spec.sources.a.trainable"),
        ("name: pair", "name: pair\nseed: 3", "spec.seed"),
        ("prefix: b_,", "prefix: b_, exclude: [probs],", "spec.sources.b.exclude"),
    ],
)
def test_what_a_spec_says_otherwise_than_its_lock_is_told(
    locked: Path, old: str, new: str, field: str
) -> None:
    assert not compare_files("pair.lock.json", "pair.yaml").any
    (locked / "other.yaml").write_text(PAIR.replace(old, new))
    assert [name for name, _ in compare_files("pair.lock.json", "other.yaml").facts] == [field]
    assert [name for name, _ in compare_files("other.yaml", "pair.lock.json").facts] == [field]


def test_a_new_prefix_is_a_rename_beside_a_lock_too(locked: Path) -> None:
    (locked / "other.yaml").write_text(PAIR.replace("prefix: a_", "prefix: left_"))
    found = compare_files("pair.lock.json", "other.yaml")
    assert not found.added
    assert not found.removed
    assert {change.was for change in found.changed} >= {"a_conv1", "a_probs"}


def test_other_weights_of_a_source_differ_from_the_lock(locked: Path, models: Path) -> None:
    (locked / "models").unlink()
    (locked / "models").mkdir()
    rewritten(models / "tower.keras", locked / "models" / "tower.keras", nudge)
    (locked / "models" / "tower_b.keras").symlink_to(models / "tower_b.keras")
    found = compare_files("pair.lock.json", "pair.yaml")
    assert {name for name, _ in found.facts} >= {"sources.a.content", "sources.a.sha256"}
    assert not any(name.startswith("sources.b") for name, _ in found.facts)


def test_an_artifact_is_held_against_the_content_that_was_locked(
    locked: Path, compose: Compose
) -> None:
    store = Store(locked / "store")
    build_spec(prepare("pair.yaml", deep=True, store=store), output="pair.keras")
    code, out, _ = compose("diff", "pair.lock.json", "pair.keras")
    assert code == 0
    assert "no difference in names and origins of 11 layers" in out
    assert "beyond them, the digest of the whole content was compared" in out
    rewritten(locked / "pair.keras", locked / "nudged.keras", nudge)
    code, out, _ = compose("diff", "pair.lock.json", "nudged.keras")
    assert code == 4
    assert "artifacts.keras.content: " in out
    assert "layers: 11 of equal name and origin" in out


def test_a_plan_beside_a_lock_is_compared_by_names_and_says_so(
    locked: Path, compose: Compose
) -> None:
    (locked / "plan.json").write_text(compose("plan", "pair.yaml", "--json").out)
    code, out, err = compose("diff", "plan.json", "pair.lock.json")
    assert (code, "CMP117" in err) == (3, True)
    assert "names and origins of layers only; of a plan, nothing else was compared with it" in out


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def test_a_spec_is_compared_with_what_git_has_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "specs").mkdir()
    (folder / "specs" / "base.yaml").write_text("sources: {a: {prefix: a_}}\n")
    spec = folder / "specs" / "one.yaml"
    spec.write_text(
        "version: 1\nname: one\nextends: base.yaml\nsources: {a: {from: ../models/tower.keras}}\n"
    )
    git(folder, "init", "-q")
    git(folder, "add", "specs")
    git(folder, "commit", "-qm", "one")
    (folder / "specs" / "base.yaml").write_text("sources: {a: {prefix: now_}}\n")
    found = compare_files("HEAD:specs/one.yaml", "specs/one.yaml")
    assert {change.name for change in found.changed} >= {"now_conv1"}
    assert {change.was for change in found.changed} >= {"a_conv1"}
    monkeypatch.chdir(folder / "specs")
    assert compare_files("HEAD:./one.yaml", "one.yaml").any
    assert not compare_files("HEAD:specs/one.yaml", "HEAD:./one.yaml").any
    with pytest.raises(UsageError, match="knows no revision 'NOPE'"):
        compare_files("NOPE:specs/one.yaml", "one.yaml")
    with pytest.raises(UsageError, match="can't be read: there is no such file at HEAD"):
        compare_files("HEAD:specs/none.yaml", "one.yaml")


@pytest.fixture
def repository(folder: Path, models: Path) -> Path:
    """A repository with a spec that starts from another one and from files, some not in git."""
    (folder / "models").unlink()
    (folder / "models").mkdir()
    (folder / "specs").mkdir()
    for name in ("tower", "outside_tower"):
        (folder / "models" / f"{name}.keras").write_bytes((models / "tower.keras").read_bytes())
    (folder / "specs" / "base.yaml").write_text(
        "version: 1\nname: base\nsources: {x: {from: ../models/tower.keras, prefix: x_}}\n"
    )
    (folder / "specs" / "top.yaml").write_text(
        "version: 1\nname: top\ninputs: {image: {shape: [16, 16, 3]}}\nsources:\n"
        "  b: {from: base.yaml, prefix: b_, inputs: image}\n"
        "  t: {from: ../models/tower.keras, prefix: t_, inputs: image}\n"
    )
    git(folder, "init", "-q")
    git(folder, "add", "specs", "models/tower.keras")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_spec_of_a_revision_starts_from_the_files_of_that_revision(
    repository: Path, models: Path
) -> None:
    assert not compare_files("HEAD:specs/top.yaml", "specs/top.yaml").any
    tower = repository / "models" / "tower.keras"
    tower.write_bytes((models / "tower_b.keras").read_bytes())
    found = compare_files("HEAD:specs/top.yaml", "specs/top.yaml")
    # Those of the spec that is a source, too.
    assert {change.name for change in found.changed} == {
        f"{prefix}{layer}" for prefix in ("b_x_", "t_") for layer in ("conv1", "conv2", "probs")
    }
    assert found.notes == ()
    (repository / "specs" / "base.yaml").unlink()
    tower.unlink()
    assert not compare_files("HEAD:specs/top.yaml", "HEAD:specs/top.yaml").any


def test_what_git_does_not_have_is_taken_as_it_is_now_and_told(
    repository: Path, compose: Compose
) -> None:
    spec = repository / "specs" / "top.yaml"
    spec.write_text(
        spec.read_text().replace("t: {from: ../models/t", "t: {from: ../models/outside_t")
    )
    git(repository, "commit", "-qam", "two")
    code, out, _ = compose("diff", "HEAD:specs/top.yaml", "specs/top.yaml")
    assert code == 0
    note = "source 't' (../models/outside_tower.keras) of HEAD is not in git there; "
    assert f"note: {note}it was taken as it is now" in out.splitlines()
    assert compare_files("HEAD:specs/top.yaml", "models/tower.keras").notes[0].startswith(note)


def test_a_pointer_of_git_lfs_stands_for_its_bytes_or_is_refused(
    repository: Path, models: Path
) -> None:
    tower = repository / "models" / "tower.keras"
    data = tower.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
    tower.write_text(pointer)
    git(repository, "commit", "-qam", "two")
    tower.write_bytes(data)  # as git-lfs checks it out
    assert not compare_files("HEAD:specs/top.yaml", "specs/top.yaml").any
    assert not compare_files("HEAD:models/tower.keras", "models/tower.keras").any
    tower.write_bytes((models / "tower_b.keras").read_bytes())
    for argument in ("HEAD:specs/top.yaml", "HEAD:models/tower.keras"):
        with pytest.raises(UsageError, match="HEAD:models/tower.keras is a pointer of git-LFS"):
            compare_files(argument, "specs/top.yaml")
    kept = repository / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4]
    kept.mkdir(parents=True)
    (kept / digest).write_bytes(data)
    assert compare_files("HEAD:specs/top.yaml", "specs/top.yaml").any


def test_a_link_in_git_leads_to_the_file_of_its_revision(repository: Path, models: Path) -> None:
    (repository / "models" / "link.keras").symlink_to("tower.keras")
    git(repository, "add", "models/link.keras")
    git(repository, "commit", "-qm", "two")
    (repository / "models" / "tower.keras").write_bytes((models / "tower_b.keras").read_bytes())
    assert not compare_files("HEAD:models/link.keras", "HEAD:models/tower.keras").any
    assert compare_files("HEAD:models/link.keras", "models/link.keras").any


def test_errors_of_a_revision_name_it_and_no_folder_of_ours(
    repository: Path, compose: Compose
) -> None:
    git(repository, "rm", "-q", "models/tower.keras")
    git(repository, "commit", "-qm", "two")
    code, _, err = compose("diff", "HEAD:specs/top.yaml", "HEAD~:specs/top.yaml")
    assert code == 1
    assert "HEAD:specs/base.yaml:3:" in err
    assert ".keras-compose." not in err


def test_an_artifact_is_read_from_git(folder: Path, models: Path) -> None:
    (folder / "tower.keras").write_bytes((models / "tower.keras").read_bytes())
    git(folder, "init", "-q")
    git(folder, "add", "tower.keras")
    git(folder, "commit", "-qm", "one")
    (folder / "tower.keras").write_bytes((models / "tower_b.keras").read_bytes())
    found = compare_files("HEAD:tower.keras", "tower.keras")
    assert {change.name for change in found.changed} == {"conv1", "conv2", "probs"}
    assert all(weight.distance for change in found.changed for weight in change.weights)


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("a.json", "{", FormatError, "is not valid JSON"),
        ("a.json", "{}", UsageError, "neither a lock nor a plan"),
        ("a.json", '{"link_map": []}', FormatError, "is not a valid plan"),
        ("a.keras", "nothing", FormatError, "zip"),
        ("a.txt", "", UsageError, "can't be compared"),
        ("a.yaml", "version: 1\nname: a\n", SpecError, "CMP"),
    ],
)
def test_what_can_not_be_compared_is_refused(
    folder: Path, name: str, text: str, error: type[Exception], words: str
) -> None:
    (folder / name).write_text(text)
    with pytest.raises(error, match=words):
        compare_files(name, "pair.yaml")


def test_a_spec_that_waits_for_keras_says_so(folder: Path) -> None:
    (folder / "app.yaml").write_text(
        "version: 1\nname: app\nsources: {a: {from: app:MobileNet, args: {weights: null}}}\n"
    )
    with pytest.raises(BuildError, match="waits for Keras"):
        compare_files("app.yaml", "pair.yaml")


def test_overrides_go_to_what_is_a_spec(folder: Path) -> None:
    (folder / "copy.yaml").write_text(PAIR)
    assert not compare_files("pair.yaml", "copy.yaml", ["sources.a.prefix=z_"]).any
    build_spec(prepare("pair.yaml", deep=True, store=Store(folder / "store")), output="pair.keras")
    assert compare_files("pair.keras", "pair.yaml", ["sources.a.prefix=z_"]).any


def test_a_spec_is_compared_with_itself_under_overrides(folder: Path, compose: Compose) -> None:
    code, out, _ = compose("diff", "pair.yaml", "./pair.yaml", "sources.a.prefix=z_")
    assert code == 4
    assert out.splitlines()[:2] == [
        "pair.yaml → ./pair.yaml sources.a.prefix=z_",
        "» a_* → z_*  5 layers, a_conv1 … a_probs",
    ]
    assert compose("diff", "pair.yaml", "pair.yaml", "sources.a.prefix=a_").code == 0


def test_how_far_weights_are_apart_says_what_it_is_relative_to() -> None:
    apart = Distance(changed=3, size=40, largest=0.1, relative=1.4735)
    assert distance_in_words(apart) == (
        "3 of 40 values differ, by 0.1 at most; the norm of the difference is 147.35% of the norm "
        "before"
    )


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def test_the_command_ends_with_0_or_4_and_tells_the_rest_on_stdout(folder: Path, compose) -> None:
    code, out, err = compose("diff", "pair.yaml", "pair.yaml")
    assert (code, err) == (0, "")
    assert out == "pair.yaml → pair.yaml\nno difference in 11 layers\n"
    (folder / "other.yaml").write_text(
        PAIR.replace("prefix: a_,", "prefix: left_, exclude: [probs],").replace(
            "prefix: b_,", "prefix: b_, trainable: false,"
        )
    )
    code, out, err = compose("diff", "pair.yaml", "other.yaml")
    assert (code, err) == (4, "")
    assert out == SHOWN
    code, out, _ = compose("diff", "pair.yaml", "other.yaml", "--json")
    document = json.loads(out)
    assert code == 4
    assert document["different"] is True
    assert [layer["name"] for layer in document["removed"]] == ["a_probs"]


SHOWN = """\
pair.yaml → other.yaml
- a_probs  Dense  (None, 10) float32  from a:probs
» a_* → left_*  4 layers, a_conv1 … a_pool
~ 5 layers, b_conv1 … b_probs
    trainable: true → false
outputs  [a_probs, b_probs] → [left_pool, b_probs]
layers: 1 removed, 4 renamed, 5 changed, 1 equal
"""


def test_mistakes_of_the_command_are_told(compose, folder: Path) -> None:
    code, _, err = compose("diff", "pair.yaml", "pair.yaml", "third.yaml")
    assert code == 2
    assert "found a third: third.yaml" in err
    (folder / "bad.yaml").write_text("version: 1\nname: bad\nsources: {s: {from: no.keras}}\n")
    code, _, err = compose("diff", "pair.yaml", "bad.yaml")
    assert code == 1
    assert "there is no file no.keras" in err


def test_what_was_not_compared_does_not_end_in_0(folder: Path, compose: Compose) -> None:
    """A plan tells no arguments of layers: one that changed is no difference, and not equal."""
    headed = PAIR + "layers:\n  top: {class: Dense, args: {units: 3}, inputs: a}\noutputs: top\n"
    (folder / "pair.yaml").write_text(headed)
    (folder / "plan.json").write_text(compose("plan", "pair.yaml", "--json").out)
    (folder / "pair.yaml").write_text(headed.replace("units: 3", "units: 3, activation: relu"))
    for pair in (("plan.json", "pair.yaml"), ("pair.yaml", "plan.json"), ("plan.json",) * 2):
        code, out, err = compose("diff", *pair)
        assert (code, "CMP117" in err) == (3, True)
        assert "no difference in what was compared of" in out
        code, out, _ = compose("diff", *pair, "--json")
        found = json.loads(out)
        assert (code, found["different"]) == (3, False)
        assert "arguments" in found["not_compared"]
        assert "weights" in found["not_compared"]
    # What is told on both sides and differs is a difference all the same.
    (folder / "pair.yaml").write_text(headed.replace("inputs: a}", "inputs: b}"))
    code, _, err = compose("diff", "plan.json", "pair.yaml")
    assert (code, "CMP117" in err) == (4, False)


def test_what_is_known_of_both_is_compared_whole(folder: Path, compose: Compose) -> None:
    assert compose("diff", "pair.yaml", "pair.yaml").code == 0
    assert compose("diff", "models/tower.keras", "models/tower.keras").code == 0
    headed = PAIR + "layers:\n  top: {class: Dense, args: {units: 3}, inputs: a}\noutputs: top\n"
    (folder / "one.yaml").write_text(headed)
    (folder / "two.yaml").write_text(f"{headed}# a comment\n")
    code, out, _ = compose("diff", "one.yaml", "two.yaml", "--json")
    assert (code, json.loads(out)["not_compared"]) == (0, [])
