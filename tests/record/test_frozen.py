"""``compose build --frozen``: what the lock says, from the lock, wherever the spec went since."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from composer.record.lock_file import resolved_sha256
from tests.commands import Compose, in_this_process
from tests.container.minimal import dense_model
from tests.sources.remote.file_server import Served, file_server

SPEC = """\
version: 1
name: pair
extends: shared/_base.yaml
vars: {left: a_}
sources:
  a: {from: models/a.keras, prefix: "${vars.left}"}
  b: {prefix: b_}
"""
BASE = """\
sources: {b: {from: ../models/b.keras, license: MIT, weights: ../models/other.keras}}
output: {path: ../built/pair.keras}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    for name in ("models", "shared"):
        (folder / name).mkdir(parents=True)
    for seed, name in enumerate(("a", "b", "other")):
        dense_model(folder / "models" / f"{name}.keras", seed=seed)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(folder)
    (folder / "pair.yaml").write_text(SPEC)
    (folder / "shared/_base.yaml").write_text(BASE)
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def change_lock(change: Callable[[dict], None], *, signed: bool = True) -> None:
    path = Path("pair.lock.json")
    document = json.loads(path.read_text())
    change(document)
    if signed:
        document["spec"]["sha256"] = resolved_sha256(document["spec"]["resolved"])
    path.write_text(json.dumps(document, indent=2))


FROM_LOCK = "everything matches pair.lock.json; built from the lock, not from the current spec\n"


def test_the_same_bytes_come_from_the_lock_as_from_the_spec(compose: Compose) -> None:
    assert compose("lock", "pair.yaml")[0] == 0
    assert compose("build", "--locked", "pair.yaml")[0] == 0
    good = Path("built/pair.keras").read_bytes()
    Path("built/pair.keras").unlink()
    code, out, err = compose("build", "--frozen", "pair.yaml")
    assert (code, err) == (0, FROM_LOCK)
    assert out.startswith("built/pair.keras\n")
    assert Path("built/pair.keras").read_bytes() == good
    assert compose("build", "--frozen", "pair.yaml") == (
        0, "built/pair.keras is fresh\n", FROM_LOCK,
    )  # fmt: skip


def test_a_spec_that_moved_on_is_not_asked_and_its_changes_are_told(compose: Compose) -> None:
    compose("lock", "pair.yaml")
    compose("build", "pair.yaml")
    good = Path("built/pair.keras").read_bytes()
    lock = Path("pair.lock.json").read_bytes()
    Path("pair.yaml").write_text(SPEC.replace("left: a_", "left: x_"))
    assert compose("build", "--locked", "pair.yaml")[0] == 4
    code, _, err = compose("build", "--frozen", "pair.yaml")
    assert code == 0
    said = "pair.yaml is not what it was when it was locked, and not what is built: "
    change = "spec.resolved.sources.a.prefix: locked 'a_', found 'x_' and 1 more"
    assert err == f"{said}{change}\n{FROM_LOCK}"
    assert Path("built/pair.keras").read_bytes() == good
    assert Path("pair.lock.json").read_bytes() == lock
    Path("pair.yaml").write_text(f"# A remark.\n{SPEC}")
    err = compose("build", "--frozen", "pair.yaml")[2]
    assert err == f"{said}only comments, layout or the order of keys changed\n{FROM_LOCK}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "built from the lock alone: the spec 'pair.yaml' can't be read"),
        ("version: [", "built from the lock alone: pair.yaml has errors now"),
        ("version: 1\nsauces: {}\n", "built from the lock alone: pair.yaml has errors now"),
    ],
)
def test_a_spec_that_is_broken_or_gone_is_in_nobodys_way(
    compose: Compose, text: str | None, words: str
) -> None:
    compose("lock", "pair.yaml")
    compose("build", "pair.yaml")
    good = Path("built/pair.keras").read_bytes()
    shutil.rmtree("built")
    Path("shared/_base.yaml").unlink()
    if text is None:
        Path("pair.yaml").unlink()
    else:
        Path("pair.yaml").write_text(text)
    code, _, err = compose("build", "--frozen", "pair.yaml")
    assert (code, err.startswith(words)) == (0, True), err
    assert Path("built/pair.keras").read_bytes() == good


def test_locked_overrides_are_part_of_what_is_built(compose: Compose) -> None:
    compose("lock", "pair.yaml", "vars.left=x_")
    assert compose("build", "--frozen", "pair.yaml")[0] == 0
    first = Path("built/pair.keras").read_bytes()
    compose("build", "--force", "pair.yaml", "vars.left=x_")
    assert Path("built/pair.keras").read_bytes() == first


def replace_source(_folder: Path) -> None:
    dense_model(Path("models/a.keras"), seed=9)


def replace_weights(_folder: Path) -> None:
    dense_model(Path("models/other.keras"), seed=9)


def change_artifact(_folder: Path) -> None:
    change_lock(lambda lock: lock["artifacts"]["keras"].update(content="0" * 64))


def change_names(_folder: Path) -> None:
    change_lock(lambda lock: lock["names"].update(a_input="b:input"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replace_source, "sources.a.content"),
        (replace_weights, "sources.b.weights"),
        (change_artifact, "artifacts.keras.content"),
        (change_names, "names.a_input"),
    ],
)
def test_all_but_the_spec_is_held_against_the_lock(
    compose: Compose, folder: Path, change: Callable[[Path], None], words: str
) -> None:
    compose("lock", "pair.yaml")
    change(folder)
    code, out, err = compose("build", "--frozen", "pair.yaml")
    assert (code, out) == (4, "")
    assert words in err
    assert not Path("built/pair.keras").exists()
    if change is not change_artifact:
        assert compose("build", "--frozen", "--dry-run", "pair.yaml")[0] == 4


def test_a_lock_that_somebody_edited_is_refused(compose: Compose) -> None:
    compose("lock", "pair.yaml")
    change_lock(
        lambda lock: lock["spec"]["resolved"]["sources"]["a"].update(prefix="x_"), signed=False
    )
    code, out, err = compose("build", "--frozen", "pair.yaml")
    assert (code, out) == (4, "")
    assert "pair.lock.json:" in err
    assert "error[CMP607]" in err
    assert '"resolved": {' in err


def test_what_the_schema_refuses_is_refused_in_a_lock_too(compose: Compose) -> None:
    compose("lock", "pair.yaml")
    change_lock(lambda lock: lock["spec"]["resolved"]["sources"]["a"].update(prefixx="x_"))
    code, out, err = compose("build", "--frozen", "pair.yaml")
    assert (code, out) == (1, "")
    assert "pair.lock.json:" in err
    assert "error[CMP202]" in err or "error[CMP201]" in err


def test_a_lock_without_the_secret_of_a_url_can_not_be_built_from(compose: Compose) -> None:
    with file_server() as server:
        server.files["/b.keras"] = Served(Path("models/b.keras").read_bytes())
        url = f"{server.url}/b.keras?token=hushhush"
        Path("pair.yaml").write_text(f"version: 1\nname: pair\nsources: {{b: {{from: '{url}'}}}}\n")
        assert compose("lock", "pair.yaml")[0] == 0
        code, out, err = compose("build", "--frozen", "pair.yaml")
        assert (code, out) == (1, "")
        assert "error[CMP608]: sources.b.from is a URL whose secrets are not in the lock" in err
        assert "hushhush" not in err
        assert compose("build", "--locked", "pair.yaml")[0] == 0


def test_a_url_without_secrets_gives_what_was_locked(compose: Compose) -> None:
    with file_server() as server:
        server.files["/b.keras"] = Served(Path("models/b.keras").read_bytes())
        Path("pair.yaml").write_text(
            f"version: 1\nname: pair\nsources: {{b: {{from: '{server.url}/b.keras'}}}}\n"
        )
        compose("lock", "pair.yaml")
        server.files["/b.keras"] = Served(Path("models/a.keras").read_bytes(), etag='"two"')
        assert compose("build", "--frozen", "pair.yaml")[:1] == (0,)
        assert compose("build", "--frozen", "--offline", "pair.yaml")[0] == 0


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "123456789012345678901234567890"])
def test_a_number_that_json_has_not_can_not_be_told_from_text(
    compose: Compose, number: str
) -> None:
    compose("lock", "pair.yaml")
    text = {".inf": "inf", "-.inf": "-inf", ".nan": "nan"}.get(number, number)
    layer = {"class": "ReLU", "args": {"max_value": text}, "inputs": "a"}
    change_lock(lambda lock: lock["spec"]["resolved"].update(layers={"relu": layer}))
    code, _, err = compose("build", "--frozen", "pair.yaml")
    assert code == 1
    assert f"error[CMP608]: layers.relu.args.max_value is '{text}' in the lock" in err


def test_what_is_wrong_with_a_source_is_told_at_its_place_in_the_lock(compose: Compose) -> None:
    compose("lock", "pair.yaml")
    lines = Path("pair.lock.json").read_text().splitlines()
    Path("models/a.keras").rename("models/aa.keras")
    code, _, err = compose("build", "--frozen", "pair.yaml")
    # The resolved spec stands behind what the lock says of the sources, or before it.
    whole = lines.index('    "resolved": {')
    place = next(
        number
        for number, line in enumerate(lines, 1)
        if number > whole and '"from": "models/a.keras"' in line
    )
    assert (code, f"pair.lock.json:{place}:" in err) == (1, True), err
    assert "compose validate --fix" not in err
    replace_source(Path())
    err = compose("build", "--frozen", "pair.yaml")[2]
    assert "accepts the change, and every change of the spec since" in (" ".join(err.split()))


def test_a_lock_lets_no_code_in_that_the_spec_does_not(compose: Compose) -> None:
    trusting = SPEC.replace("a: {", "a: {trust: true, ")
    Path("pair.yaml").write_text(trusting)
    compose("lock", "pair.yaml")
    assert compose("build", "--frozen", "pair.yaml")[0] == 0
    Path("pair.yaml").write_text(SPEC)
    code, _, err = compose("build", "--frozen", "pair.yaml")
    assert code == 4
    assert "error[CMP609]: source 'a' is trusted in the lock, and not in pair.yaml" in err
    Path("pair.yaml").unlink()
    assert compose("build", "--frozen", "pair.yaml")[0] == 4


def test_usage(compose: Compose) -> None:
    code, _, err = compose("build", "--frozen", "pair.yaml")
    assert (code, "there is no lock pair.lock.json" in err) == (2, True)
    compose("lock", "pair.yaml")
    code, _, err = compose("build", "--frozen", "pair.yaml", "vars.left=y_")
    assert (code, "takes no overrides: vars.left=y_" in err) == (2, True)
    code, _, err = compose("build", "--frozen", "--locked", "pair.yaml")
    assert (code, "--locked and --frozen" in err) == (2, True)
    assert compose("build", "--frozen", "pair.yaml", "-o", "x.keras")[0] == 0
    assert Path("x.keras").exists()
    assert not Path("built").exists()


@pytest.mark.keras
def test_new_layers_are_made_from_the_lock(compose: Compose) -> None:
    Path("pair.yaml").write_text(
        f"{SPEC}layers: {{odd: {{class: Dense, args: {{units: 3}}, inputs: a}}}}\noutputs: odd\n"
    )
    compose("lock", "pair.yaml")
    compose("build", "pair.yaml")
    good = Path("built/pair.keras").read_bytes()
    compose("cache", "prune", "--all")
    Path("pair.yaml").write_text(SPEC)
    assert compose("build", "--frozen", "pair.yaml")[0] == 0
    assert Path("built/pair.keras").read_bytes() == good
