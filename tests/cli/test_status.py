"""``compose status``: what a build would find to do, and what a lock says otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result
from tests.container.minimal import dense_model
from tests.sources.remote.file_server import Served, file_server

SPEC = """\
version: 1
name: pair
sources:
  a: {from: a.keras, prefix: a_}
  b: {from: b.keras, prefix: b_}
"""
Compose = Callable[..., Result]


@pytest.fixture(autouse=True)
def spec(workspace: Path) -> None:
    dense_model(Path("a.keras"))
    dense_model(Path("b.keras"), seed=1)
    Path("pair.yaml").write_text(SPEC)


def test_a_spec_is_never_built_then_fresh_then_stale_and_status_builds_nothing(
    compose: Compose,
) -> None:
    assert compose("status", "pair.yaml") == (4, "pair.yaml  never built\n", "")
    assert not Path("build").exists()
    compose("build", "pair.yaml")
    assert compose("status", "pair.yaml") == (0, "pair.yaml  fresh\n", "")
    dense_model(Path("b.keras"), seed=2)
    before = Path("build/pair.keras").read_bytes()
    assert compose("status", "pair.yaml") == (4, "pair.yaml  stale  source 'b' changed\n", "")
    assert Path("build/pair.keras").read_bytes() == before
    compose("build", "pair.yaml")
    assert compose("status", "pair.yaml").code == 0


def test_status_and_build_agree(compose: Compose) -> None:
    """Whatever is stale is built for the reason that status gave, and the other way round."""
    compose("build", "pair.yaml")

    def edit() -> None:
        Path("pair.yaml").write_text(f"# A remark.\n{SPEC}")

    def rename() -> None:
        Path("pair.yaml").write_text(SPEC.replace("prefix: b_", "prefix: c_"))

    def lose() -> None:
        Path("build/pair.keras").unlink()

    def damage() -> None:
        Path("build/pair.keras").write_bytes(b"")

    for change, reason in (
        (edit, None),
        (rename, "the spec changed"),
        (lose, "it no longer exists"),
        (damage, "it was changed since it was built"),
    ):
        change()
        said = compose("status", "pair.yaml")
        built = compose("build", "pair.yaml")
        if reason is None:
            assert (said.code, built.out) == (0, "build/pair.keras is fresh\n")
        else:
            assert (said.code, said.out) == (4, f"pair.yaml  stale  {reason}\n")
            assert f"  was stale   {reason}\n" in built.out


def test_overrides_count(compose: Compose) -> None:
    compose("build", "pair.yaml", "sources.a.prefix=x_")
    assert compose("status", "pair.yaml", "sources.a.prefix=x_").code == 0
    assert compose("status", "pair.yaml").out == (
        "pair.yaml  stale  overrides: sources.a.prefix=x_ then, none now\n"
    )


def test_all_specs_below_the_current_folder_and_no_other_yaml(compose: Compose) -> None:
    Path("more").mkdir()
    Path("more/one.yaml").write_text(
        SPEC.replace("name: pair", "name: one").replace("a.k", "../a.k")
    )
    Path("more/two.yaml").write_text("extends: _base.yaml\nversion: 1\nname: two\n")
    Path("more/_base.yaml").write_text("version: 1\nsources: {a: {from: ../a.keras}}\n")
    Path("compose.yaml").write_text("version: 1\nservices: {}\n")
    Path("pages.yml").write_text("nav: []\n")
    compose("build", "pair.yaml")
    code, out, err = compose("status")
    assert code == 4
    assert out == (
        "more/one.yaml  wrong        1 error\nmore/two.yaml  never built\npair.yaml      fresh\n"
    )
    # Of many specs one line each; what is wrong with one is told where it is asked for alone.
    assert err == ("1 of 3 specs are current\ncompose validate more/one.yaml says what is wrong\n")
    alone = compose("status", "more/one.yaml")
    assert (alone.code, "error[CMP501]" in alone.err) == (1, True)


def test_what_stands_there_without_a_note_is_not_taken_for_fresh(compose: Compose) -> None:
    compose("build", "pair.yaml")
    compose("cache", "prune", "--all")
    assert compose("status", "pair.yaml").out == (
        "pair.yaml  stale  it was not built here, or so long ago that this is forgotten\n"
    )


def test_of_several_results_the_stale_ones_are_named(compose: Compose) -> None:
    Path("pair.yaml").write_text(f"{SPEC}output: {{path: out/pair, format: [keras, weights]}}\n")
    compose("build", "pair.yaml")
    Path("out/pair.weights.h5").unlink()
    assert compose("status", "pair.yaml").out == (
        "pair.yaml  stale  out/pair.weights.h5: it no longer exists\n"
    )
    dense_model(Path("b.keras"), seed=2)
    Path("out/pair.keras").unlink()
    assert compose("status", "pair.yaml").out == "pair.yaml  stale  it no longer exists\n"


def test_a_lock_counts(compose: Compose) -> None:
    compose("build", "pair.yaml")
    compose("lock", "pair.yaml")
    assert compose("status", "pair.yaml") == (0, "pair.yaml  fresh  locked\n", "")
    Path("pair.yaml").write_text(f"# A remark.\n{SPEC}")
    assert compose("status", "pair.yaml") == (
        4, "pair.yaml  fresh  its lock is out of date: spec.files.pair.yaml\n", "",
    )  # fmt: skip
    compose("build", "pair.yaml")
    assert compose("status", "pair.yaml").code == 0
    # Fresh, and something else than what was locked.
    lock = json.loads(Path("pair.lock.json").read_text())
    lock["artifacts"]["keras"]["sha256"] = "0" * 64
    Path("pair.lock.json").write_text(json.dumps(lock))
    assert compose("status", "pair.yaml").out == (
        "pair.yaml  fresh  its lock is out of date: artifacts.keras.sha256\n"
    )
    Path("pair.lock.json").write_text("{}")
    code, out, _ = compose("status", "pair.yaml")
    assert code == 4
    assert out.startswith("pair.yaml  fresh  pair.lock.json is not a valid lock: ")


def test_json_is_one_document(compose: Compose) -> None:
    compose("build", "pair.yaml")
    compose("lock", "pair.yaml")
    Path("wrong.yaml").write_text(SPEC.replace("prefix: b_", "prefix: a_"))
    dense_model(Path("b.keras"), seed=2)
    code, out, _ = compose("status", "pair.yaml", "wrong.yaml", "--json")
    assert code == 4
    pair, wrong = json.loads(out)["specs"]
    changed = pair["lock"].pop("changed")
    assert "sources.b.content" in changed
    assert pair == {
        "spec": "pair.yaml",
        "state": "stale",
        "results": [
            {
                "path": "build/pair.keras",
                "format": "keras",
                "state": "stale",
                "reasons": ["source 'b' changed"],
            }
        ],
        "lock": {"path": "pair.lock.json", "holds": False, "problem": None},
        "diagnostics": [],
    }
    assert (wrong["state"], wrong["results"]) == ("wrong", [])
    assert {item["code"] for item in wrong["diagnostics"]} == {"CMP301"}


def test_what_only_keras_can_tell_is_said_and_not_asked(compose: Compose) -> None:
    Path("pair.yaml").write_text(
        f"{SPEC}layers: {{odd: {{class: Dense, args: {{units: 3}}, inputs: a}}}}\noutputs: odd\n"
    )
    assert compose("status", "pair.yaml").out == "pair.yaml  never built\n"
    Path("pair.yaml").write_text(SPEC)
    compose("build", "pair.yaml")
    compose("lock", "pair.yaml")
    Path("pair.yaml").write_text(
        f"{SPEC}layers: {{odd: {{class: Dense, args: {{units: 3}}, inputs: a}}}}\noutputs: odd\n"
    )
    code, out, _ = compose("status", "pair.yaml")
    assert (code, out) == (
        4,
        "pair.yaml  stale  the spec changed; layer 'odd' must first be created by Keras; "
        + "its lock is out of date: spec.files.pair.yaml and 9 more\n",
    )
    dense_model(Path("a.keras"), seed=4)
    out = compose("status", "pair.yaml").out
    assert "  the spec changed; source 'a' changed; layer 'odd' must first be created" in out


@pytest.mark.keras
def test_a_lock_of_which_keras_alone_knows_the_rest_holds_as_far_as_can_be_told(
    compose: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("pair.yaml").write_text(
        f"{SPEC}layers: {{odd: {{class: Dense, args: {{units: 3}}, inputs: a}}}}\noutputs: odd\n"
    )
    compose("lock", "pair.yaml")
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "another_store"))
    code, out, _ = compose("status", "pair.yaml", "--json")
    assert code == 4
    assert json.loads(out)["specs"][0]["lock"]["holds"] is None
    assert compose("status", "pair.yaml").out == (
        "pair.yaml  never built  its lock matches, as far as compose can check without Keras\n"
    )


def test_the_network_is_not_asked(compose: Compose) -> None:
    with file_server() as server:
        server.files["/b.keras"] = Served(Path("b.keras").read_bytes())
        Path("pair.yaml").write_text(SPEC.replace("b.keras", f"'{server.url}/b.keras'"))
        assert compose("status", "pair.yaml") == (4, "pair.yaml  never built\n", "")
        compose("build", "pair.yaml")
        asked = len(server.requests)
        assert compose("status", "pair.yaml") == (0, "pair.yaml  fresh\n", "")
        assert len(server.requests) == asked
        Path("pair.yaml").write_text(SPEC.replace("b.keras", f"'{server.url}/c.keras'"))
        assert compose("status", "pair.yaml").out == (
            "pair.yaml  stale  the spec changed; source 'b' must first be fetched\n"
        )


LAYER = """
import keras


class Scale(keras.layers.Layer):
    def call(self, x):
        return x * 2
"""


@pytest.mark.keras
def test_layers_of_ones_own_are_fresh_as_long_as_their_code_is(
    compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("my_layers.py").write_text(LAYER)
    Path("pair.yaml").write_text(
        f"{SPEC}layers: {{odd: {{class: 'my_layers:Scale', inputs: a}}}}\noutputs: odd\n"
    )
    assert compose("build", "pair.yaml").code == 0
    with monkeypatch.context() as patched:
        # Whoever asked Keras now would fail.
        patched.setattr("composer.keras_process.asking.run", None)
        assert compose("status", "pair.yaml").out == "pair.yaml  fresh\n"
        assert compose("build", "pair.yaml").out == "build/pair.keras is fresh\n"
        assert compose("plan", "pair.yaml").code == 0
    Path("my_layers.py").write_text(LAYER.replace("x * 2", "x * 3"))
    assert compose("status", "pair.yaml") == (
        4, "pair.yaml  stale  layer 'odd' must first be created by Keras\n", "",
    )  # fmt: skip
    # The code is no part of a .keras file.
    assert compose("build", "pair.yaml").out == "build/pair.keras is fresh\n"
    assert compose("status", "pair.yaml").code == 0


def test_mistakes_end_as_those_of_other_verbs(compose: Compose) -> None:
    assert compose("status", "pare.yaml") == (
        2, "", "error[CMP114]: there is no file pare.yaml\nhelp: did you mean pair.yaml?\n",
    )  # fmt: skip
    Path("pair.yaml").unlink()
    code, out, err = compose("status")
    assert (code, out) == (2, "")
    assert err.startswith("error[CMP114]: there is no spec below the current folder\nhelp: ")
    shutil.copy("a.keras", "folder.keras")
    assert compose("status", "folder.keras").code == 2
