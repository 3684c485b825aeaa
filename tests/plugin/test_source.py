"""A kind of source that a package adds: as good as ours from the first check to the SBOM."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from composer.cli import running
from composer.container.archive import open_archive
from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import SpecError
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare
from tests.docs.pages import ROOT, blocks
from tests.plugin.install import register

NET: dict[str, Any] = {
    "name": "net",
    "inputs": 2,
    "layers": [
        {
            "name": "hidden",
            "activation": "relu",
            "kernel": [[1, 2, 3], [4, 5, 6]],
            "bias": [0, 1, 0],
        },
        {"name": "out", "kernel": [[1], [2], [3]], "bias": [7]},
    ],
}
SPEC = """\
version: 1
name: made
sources:
  t:
    from: net.toy.json
    args: {scale: 2}
    prefix: a_
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    write(tmp_path / "net.toy.json", NET)
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*line: str) -> tuple[int, str, str]:
        status = running.run(list(line))
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def write(path: Path, net: Any) -> None:
    path.write_text(json.dumps(net))


def prepared(*overrides: str) -> Prepared:
    return prepare("spec.yaml", overrides, store=Store(Path("store")))


def one(*overrides: str) -> Diagnostic:
    (found,) = prepared(*overrides).diagnostics
    return found


# ---------------------------------------------------------------- with the plug-in


def test_its_model_is_built_without_keras_and_reads_as_written(folder, toy_plugin):
    build_spec(prepared())
    with open_archive(folder / "build" / "made.keras") as archive:
        layers = {
            item["config"]["name"]: item["config"] for item in archive.config["config"]["layers"]
        }
        assert list(layers) == ["a_input", "a_hidden", "a_out"]
        assert layers["a_hidden"]["activation"] == "relu"
        assert archive.metadata["keras_version"]
    with h5py.File(folder / "build" / "made.keras") as weights:
        for group, layer in (("dense", NET["layers"][0]), ("dense_1", NET["layers"][1])):
            stored = weights[f"layers/{group}/vars"]
            assert np.array_equal(stored["0"], 2 * np.array(layer["kernel"], "float32"))
            assert np.array_equal(stored["1"], 2 * np.array(layer["bias"], "float32"))


def test_another_argument_or_file_is_read_anew(folder, toy_plugin):
    def content() -> str:
        plan = prepared().plan
        assert plan is not None
        return plan.files["t"].path.name

    def keys() -> int:
        content()
        return sum(1 for path in (folder / "store" / "recipes").rglob("*") if path.is_file())

    first = content()
    assert content() == first
    (folder / "spec.yaml").write_text(SPEC.replace("scale: 2", "scale: 3"))
    second = content()
    write(folder / "net.toy.json", {**NET, "name": "other"})
    third = content()
    with (toy_plugin / "compose_toy" / "source.py").open("a") as module:
        module.write("# other code\n")
    assert len({first, second, third}) == 3
    assert keys() == 4


@pytest.mark.parametrize(
    ("overrides", "code", "path"),
    [
        (["+sources.t.args.scal=3"], "CMP201", ("sources", "t", "args", "scal")),
        (["sources.t.args.scale=big"], "CMP203", ("sources", "t", "args", "scale")),
        (["sources.t.args.scale=-1"], "CMP206", ("sources", "t", "args", "scale")),
    ],
)
def test_its_arguments_are_checked_where_they_are_written(
    folder, toy_plugin, overrides, code, path
):
    found = one(*overrides)
    assert (found.code, found.path) == (code, path)
    assert found.help


def test_its_own_codes_bear_its_name_and_are_explained(folder, toy_plugin, run):
    write(folder / "net.toy.json", {**NET, "layers": []})
    found = one()
    assert (found.code, found.path) == ("compose-toy.no-layers", ("sources", "t", "from"))
    status, page, _ = run("explain", found.code)
    assert status == 0
    assert page.startswith("# a toy file has no layers")


def test_what_is_wrong_with_a_file_of_any_kind_is_told_of_its_too(folder, toy_plugin):
    assert one("sources.t.from=gone.toy.json").code == "CMP501"
    assert one("+sources.t.sha256=" + "0" * 64).code == "CMP503"


def test_weights_that_do_not_fit_its_config_are_refused(folder, toy_plugin):
    layer = {**NET["layers"][0], "kernel": [[1, 2, 3]]}
    write(folder / "net.toy.json", {**NET, "layers": [layer]})
    with pytest.raises(SpecError) as caught:
        build_spec(prepared())
    assert {item.path[:2] for item in caught.value.diagnostics} == {("sources", "t")}
    assert not (folder / "build").exists()


def test_plan_lock_and_documents_name_the_package(folder, toy_plugin, run):
    status, plan, _ = run("plan", "--json", "spec.yaml")
    assert status == 0
    assert json.loads(plan)["sources"][0]["plugin"] == "compose-toy 1.0"
    assert "read by compose-toy 1.0" in run("plan", "spec.yaml")[1]
    assert run("lock", "spec.yaml")[0] == 0
    lock = json.loads((folder / "spec.lock.json").read_text())
    locked = lock["sources"]["t"]
    assert locked["plugin"] == "compose-toy 1.0"
    assert locked["size"] == (folder / "net.toy.json").stat().st_size
    assert "keras" not in lock["toolchain"]
    assert run("build", "--locked", "--sbom", "--provenance", "spec.yaml")[0] == 0
    bill = json.loads((folder / "build" / "made.cdx.json").read_text())
    (part,) = (item for item in bill["components"] if item["name"] == "net.toy.json")
    assert {"name": "keras-compose:plugin", "value": "compose-toy 1.0"} in part["properties"]
    statement = (folder / "build" / "made.intoto.json").read_text()
    assert '"plugin": "compose-toy 1.0"' in statement


def test_a_lock_of_another_version_of_the_package_does_not_match(folder, toy_plugin, run):
    assert run("lock", "spec.yaml")[0] == 0
    lock = folder / "spec.lock.json"
    lock.write_text(lock.read_text().replace("compose-toy 1.0", "compose-toy 0.9"))
    status, _, told = run("build", "--locked", "spec.yaml")
    assert status == 4
    assert "CMP602" in told


def test_its_keys_are_in_the_schema(folder, toy_plugin, run):
    import jsonschema

    status, text, _ = run("schema")
    assert status == 0
    validator = jsonschema.Draft202012Validator(json.loads(text))

    def valid(args: Any) -> bool:
        source = {"from": "net.toy.json", "args": args}
        return validator.is_valid({"version": 1, "name": "m", "sources": {"t": source}})

    assert valid({"scale": 2})
    assert not valid({"scale": "big"})
    assert not valid({"scal": 2})


def test_without_a_plugin_the_schema_is_as_it_was(run, site):
    assert "sourceOfPlugin" not in run("schema")[1]


def test_a_shell_completes_its_files_and_arguments(folder, toy_plugin):
    from click import Context

    from composer.cli.candidates import specs_and_overrides
    from composer.cli.commands import compose

    context = Context(compose, obj=["spec.yaml"])

    def offered(typed: str) -> list[str]:
        return [item.value for item in specs_and_overrides(context, compose.params[0], typed)]

    assert "sources.t.from=net.toy.json" in offered("sources.t.from=")
    assert "sources.t.from=app:" in offered("sources.t.from=")
    (folder / "spec.yaml").write_text(SPEC.replace("scale: 2", ""))
    assert offered("+sources.t.args.") == ["+sources.t.args.scale="]


def test_init_drafts_a_spec_from_its_file(folder, toy_plugin, run):
    status, text, _ = run("init", "net.toy.json", "-o", "-")
    assert status == 0
    assert "from: net.toy.json" in text


# ---------------------------------------------------------------- without it, or with a broken one


def test_without_the_package_the_kind_is_unknown(folder):
    found = one()
    assert (found.code, found.path) == ("CMP504", ("sources", "t", "from"))


def test_a_lock_says_which_package_reads_it(folder, toy_plugin, run, monkeypatch):
    assert run("lock", "spec.yaml")[0] == 0
    monkeypatch.setattr(
        "sys.path", [item for item in __import__("sys").path if item != str(toy_plugin)]
    )
    found = one()
    assert found.code == "CMP504"
    assert "compose-toy 1.0" in (found.help or "")


KIND = """\
from composer.sources.kind import SourceKind
def locate(source, context):
    {body}
KIND = SourceKind(title="thing", described="a thing", arguments={arguments}, locate=locate)
"""


@pytest.mark.parametrize(
    "text",
    [
        "raise RuntimeError('no')",
        "import gone_module",
        "KIND = 1",
        "from composer.spec.source_forms import SourceForm as F\nKIND = F(title='a', described='b')",
        "from composer.sources.kind import SourceKind\nKIND = SourceKind()",
        KIND.format(body="return 1 / 0", arguments="{}"),
        KIND.format(body="return 'net.thing'", arguments="{}"),
        KIND.format(body="return None", arguments="{'type': 12}"),
        KIND.format(body="return None", arguments="{'$ref': '#/gone'}"),
    ],
)
def test_a_broken_plugin_is_told_at_the_source_that_needs_it(folder, site, run, text):
    (site / "thing_kind.py").write_text(text)
    register(site, "thing", "3", "[keras_compose.sources]\n.thing = thing_kind:KIND\n")
    (folder / "net.thing").write_text("{}")
    (folder / "spec.yaml").write_text(SPEC.replace("net.toy.json", "net.thing"))
    found = one()
    assert (found.code, found.path) == ("CMP560", ("sources", "t", "from"))
    assert "thing 3" in found.message
    status, _, told = run("validate", "spec.yaml")
    assert status == 1
    assert "Traceback" not in told
    assert run("schema")[0] == 0


def test_a_broken_plugin_costs_nobody_else(folder, site, models):
    register(site, "thing", "3", "[keras_compose.sources]\n.thing = thing_kind:KIND\n")
    tower = (models / "tower.keras").as_posix()
    (folder / "spec.yaml").write_text(f"version: 1\nname: m\nsources:\n  t: {{from: {tower}}}\n")
    found = prepared()
    assert found.diagnostics == ()
    assert found.plan is not None


def test_no_package_takes_our_own_kinds_over(folder, site, models):
    text = "[keras_compose.sources]\n" + "".join(
        f"{name} = thing_kind:KIND\n" for name in (".keras", "py", "app", ".yaml", "saved_model.pb")
    )
    register(site, "thing", "3", text)
    tower = (models / "tower.keras").as_posix()
    (folder / "spec.yaml").write_text(f"version: 1\nname: m\nsources:\n  t: {{from: {tower}}}\n")
    assert prepared().plan is not None
    (folder / "spec.yaml").write_text("version: 1\nname: m\nsources:\n  t: {from: 'app:Nothing'}\n")
    assert one().code == "CMP505"


def test_the_page_shows_the_plugin_of_the_tests():
    shown = {
        block.attributes.get("title"): block.text for block in blocks(ROOT / "docs" / "plugins.md")
    }
    source = Path(__file__).parent / "compose_toy" / "source.py"
    assert shown["compose-toy/compose_toy/source.py"] == source.read_text(encoding="utf-8")


def test_a_folder_with_a_spec_brings_no_plugin_along(folder, monkeypatch):
    from tests.plugin.install import install

    install(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run(
        [sys.executable, "-m", "composer", "validate", "spec.yaml"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "CMP504" in done.stderr


@pytest.mark.parametrize(
    ("name", "location"),
    [(".thing", "net.thing"), ("thing", "thing:./net.thing"), ("net.json", "folder")],
)
def test_a_kind_is_known_by_ending_prefix_or_what_a_folder_holds(
    folder, site, models, run, *, name, location
):
    """Each time a copy of a model, by a plug-in that makes its file itself."""
    shutil.copy(models / "tower.keras", folder / "net.thing")
    (folder / "folder").mkdir()
    (folder / "folder" / "net.json").write_text("{}")
    (site / "thing_kind.py").write_text(
        KIND.format(
            body="import shutil\n"
            "    from composer.sources.located import Located\n"
            "    def make(folder): return shutil.copy('net.thing', folder / 'made.keras')\n"
            "    return Located(path=context.made('thing', {'of': source.location}, {}, make))",
            arguments="None, path_begins=('.',)",
        )
    )
    register(site, "thing", "3", f"[keras_compose.sources]\n{name} = thing_kind:KIND\n")
    (folder / "spec.yaml").write_text(
        f"version: 1\nname: made\nsources:\n  t: {{from: '{location}'}}\n"
    )
    assert run("build", "spec.yaml")[0] == 0
    assert run("lock", "spec.yaml")[0] == 0
    lock = json.loads((folder / "spec.lock.json").read_text())
    assert lock["sources"]["t"]["plugin"] == "thing 3"
    assert ("sha256" in lock["sources"]["t"]) == (name == ".thing")
    found = one("+sources.t.args.x=1")
    assert (found.code, found.path) == ("CMP505", ("sources", "t", "args"))
