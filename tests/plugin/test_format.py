"""A format that a package adds: as good as ours from the first check to the SBOM."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import jsonschema
import pytest

import composer
from composer.container.digests import digest_file
from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import PluginError, SpecError
from composer.spec.editor_schema import editor_schema_text
from composer.workflows.pipeline import prepare
from tests.commands import Compose, in_this_process
from tests.container.minimal import dense_model
from tests.plugin.install import register

SPEC = """\
version: 1
name: net
sources:
  a: {from: a.keras, prefix: a_}
output:
  path: build/net
  format: [keras, toy]
  options: {toy: {digits: 3}}
"""
BROKEN = '[keras_compose.formats]\n"toy.toy.json" = compose_toy.format:FORMAT\n'.replace('"', "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    dense_model(folder / "a.keras")
    (folder / "spec.yaml").write_text(SPEC)
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


@pytest.fixture
def package(site: Path) -> Callable[[str], Path]:
    """Return a function that installs a package with this code, which registers a format."""

    def install(code: str) -> Path:
        (site / "compose_odd.py").write_text(code)
        register(site, "odd", "2.1", "[keras_compose.formats]\nodd.odd = compose_odd:FORMAT\n")
        return site

    return install


def found(*overrides: str, **options: Any) -> tuple[Diagnostic, ...]:
    return prepare("spec.yaml", overrides, **options).diagnostics


# ---------------------------------------------------------------- with the plug-in


def test_a_result_holds_what_the_linked_model_does(folder, toy_plugin) -> None:
    keras, toy = composer.build("spec.yaml").files
    assert (toy.format, toy.path) == ("toy", Path("build/net.toy.json"))
    assert (toy.sha256, toy.size) == (digest_file(toy.path), toy.path.stat().st_size)
    written = json.loads(toy.path.read_text())
    with (
        zipfile.ZipFile(keras.path) as archive,
        archive.open("model.weights.h5") as weights,
        h5py.File(weights) as file,
    ):
        for layer, group in zip(written["layers"], ("dense", "dense_1"), strict=True):
            kernel = file[f"layers/{group}/vars/0"][()]
            assert layer["kernel"] == kernel.astype(float).round(3).tolist()
    composer.build("spec.yaml", output=["alone.toy.json", "alone.keras"])
    assert Path("alone.toy.json").read_bytes() == toy.path.read_bytes()


def test_it_is_written_without_the_model_that_it_is_made_from(folder, toy_plugin) -> None:
    composer.build("spec.yaml", output="alone.toy.json")
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.keras", "alone.toy.json", "spec.yaml",
    ]  # fmt: skip


def test_an_option_decides_the_bytes_and_whether_a_result_is_fresh(folder, toy_plugin) -> None:
    first = composer.build("spec.yaml").files
    assert [file.fresh for file in composer.build("spec.yaml").files] == [True, True]
    other = composer.build("spec.yaml", overrides=["output.options.toy.digits=1"]).files
    assert [file.fresh for file in other] == [True, False]
    assert other[1].sha256 != first[1].sha256


@pytest.mark.parametrize(
    ("options", "code", "path"),
    [
        ("{toy: {digit: 3}}", "CMP201", ("output", "options", "toy", "digit")),
        ("{toy: {digits: many}}", "CMP203", ("output", "options", "toy", "digits")),
        ("{toy: {digits: 0}}", "CMP206", ("output", "options", "toy", "digits")),
        ("{toi: {digits: 3}}", "CMP201", ("output", "options", "toi")),
        ("{onnx: {opset: 3}}", "CMP201", ("output", "options", "onnx")),
    ],
)
def test_an_option_that_there_is_not_is_told_where_it_is(
    folder, toy_plugin, options, code, path
) -> None:
    Path("spec.yaml").write_text(SPEC.replace("{toy: {digits: 3}}", options))
    (problem,) = found()
    assert (problem.code, problem.path) == (code, path)
    assert problem.span is not None
    assert problem.span.line == 8


def test_a_name_that_is_nearly_the_format_s_is_told_with_it(folder, toy_plugin) -> None:
    (problem,) = found("output.format=[tov]")
    assert problem.code == "CMP204"
    assert "toy" in str(problem)


def test_what_it_can_t_hold_is_told_by_a_code_of_its_own(folder, toy_plugin, compose) -> None:
    layer = "layers:\n  off: {class: Dropout, args: {rate: 0.5}, inputs: a}\noutputs: {y: off}\n"
    Path("spec.yaml").write_text(SPEC + layer)
    (problem,) = found()
    assert (problem.code, problem.severity) == ("compose-toy.layer", "error")
    assert problem.path == ("output", "format", 1)
    page = compose("explain", "compose-toy.layer")
    assert page.code == 0
    assert "dense layers only" in page.out


def test_a_file_of_somebody_else_is_not_replaced_in_ci(folder, toy_plugin, monkeypatch) -> None:
    monkeypatch.setenv("CI", "true")
    Path("build").mkdir()
    Path("build/net.toy.json").write_text("[]")
    (problem,) = found()
    assert (problem.code, problem.severity) == ("CMP716", "error")
    Path("build/net.toy.json").write_text('{"name": "net"}')
    assert found() == ()


def test_it_has_its_line_in_plan_status_lock_provenance_and_bill(
    folder, toy_plugin, compose
) -> None:
    assert "toy file, linked" in compose("plan", "spec.yaml").out
    document = json.loads(compose("plan", "spec.yaml", "--json").out)
    assert {"path": "build/net.toy.json", "format": "toy", "exported": False} in document["results"]
    assert compose("build", "spec.yaml", "--provenance", "--sbom").code == 0
    assert compose("lock", "spec.yaml").code == 0
    lock = json.loads(Path("spec.lock.json").read_text())
    digest = digest_file(Path("build/net.toy.json"))
    assert lock["artifacts"]["toy"] == {
        "size": Path("build/net.toy.json").stat().st_size,
        "sha256": digest,
    }
    assert lock["toolchain"]["compose-toy"] == "1.0"
    assert "net.toy.json" in compose("status", "spec.yaml", "--json").out
    assert compose("build", "--locked", "--force", "spec.yaml").code == 0
    assert compose("verify", "build/net.toy.json", "--lock", "spec.lock.json").code == 0
    told = Path("build/net.intoto.json").read_text(), Path("build/net.cdx.json").read_text()
    assert all(digest in text and "compose-toy" in text for text in told)


def test_another_version_of_the_package_makes_a_result_stale(folder, toy_plugin) -> None:
    composer.build("spec.yaml")
    (toy_plugin / "compose_toy-1.0.dist-info").rename(toy_plugin / "gone")
    register(toy_plugin, "compose-toy", "1.1", BROKEN)
    keras, toy = composer.build("spec.yaml").files
    assert (keras.fresh, toy.fresh) == (True, False)
    assert toy.stale == ("compose-toy 1.0 wrote it, 1.1 is installed",)


def test_another_line_in_the_package_makes_a_result_stale(folder, toy_plugin) -> None:
    composer.build("spec.yaml")
    module = toy_plugin / "compose_toy" / "format.py"
    module.write_text(f"{module.read_text()}\n# another line\n")
    keras, toy = composer.build("spec.yaml").files
    assert (keras.fresh, toy.fresh) == (True, False)
    assert toy.stale == ("the code of compose-toy changed",)


def test_verify_compares_it_with_its_plan(folder, toy_plugin, compose) -> None:
    composer.build("spec.yaml")
    path = Path("build/net.toy.json")
    assert compose("verify", str(path), "--spec", "spec.yaml").code == 0
    path.write_text(path.read_text().replace("0.", "1.", 1))
    assert compose("verify", str(path), "--spec", "spec.yaml").code == 4


def test_what_is_not_as_planned_takes_no_place(folder, toy_plugin, monkeypatch) -> None:
    from compose_toy import format as toy

    def wrong(job: Any) -> None:
        job.target.write_text('{"name": "net", "inputs": 3, "layers": []}')

    way = replace(toy.FORMAT.way, write=wrong)
    monkeypatch.setattr(toy, "FORMAT", replace(toy.FORMAT, way=way))
    with pytest.raises(composer.DriftError):
        composer.build("spec.yaml")
    assert list(Path("build").iterdir()) == []


def test_the_schema_for_editors_has_its_options(folder, toy_plugin) -> None:
    import yaml

    schema = json.loads(editor_schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(yaml.safe_load(SPEC))
    assert not validator.is_valid(yaml.safe_load(SPEC.replace("digits: 3", "digits: 0")))


@pytest.mark.keras
def test_keras_exports_it_and_its_own_runtime_compares_it(folder, toy_plugin, monkeypatch) -> None:
    (made,) = composer.build("spec.yaml", output="x.dense.npz").files
    assert made.comparison is not None
    assert (made.comparison.runtime, made.comparison.tolerance) == ("numpy", 1e-5)
    assert made.comparison.relative <= 1e-5
    assert composer.build("spec.yaml", output="x.dense.npz").fresh
    export = toy_plugin / "compose_toy" / "export_dense.py"
    export.write_text(export.read_text().replace("np.asarray(array)", "2 * np.asarray(array)"))
    with pytest.raises(composer.DriftError):
        composer.build("spec.yaml", output="y.dense.npz")
    assert not Path("y.dense.npz").exists()


# ---------------------------------------------------------------- without it, or with a broken one


def test_without_the_package_its_name_and_extension_are_unknown(folder) -> None:
    assert [problem.code for problem in found()] == ["CMP204", "CMP201"]
    with pytest.raises(composer.UsageError) as caught:
        found(output="x.toy.json")
    assert caught.value.code == "CMP701"


@pytest.mark.parametrize(
    "code",
    ["import nowhere", "1 / 0", "FORMAT = 'odd'", "", "raise SystemExit(0)"],
    ids=["import", "error", "kind", "missing", "exit"],
)
def test_a_plug_in_that_can_t_be_loaded_is_told_where_its_format_is_asked_for(
    folder, package, code
) -> None:
    package(code)
    text = SPEC.replace("toy]", "odd]").replace("  options: {toy: {digits: 3}}\n", "")
    Path("spec.yaml").write_text(text)
    (problem,) = found()
    assert (problem.code, problem.path) == ("CMP560", ("output", "format", 1))
    assert problem.span is not None
    assert "odd 2.1" in problem.message
    with pytest.raises(SpecError):
        composer.build("spec.yaml")
    # Who does not ask for it never meets it.
    Path("spec.yaml").write_text(text.replace(", odd]", "]"))
    assert composer.build("spec.yaml").files[0].path == Path("build/net.keras")


ODD = """\
from composer.outputs.output_format import Linked, OutputFormat


def fail(*_):
    raise KeyError("inside")


def fine(job):
    job.target.write_text("odd")


FORMAT = OutputFormat(title="odd", way=Linked(write={write}, check={check}), options={options})
"""


@pytest.mark.parametrize(("write", "check"), [("fail", "fine"), ("fine", "fail")])
def test_a_plug_in_that_fails_is_named_and_nothing_is_written(
    folder, package, write, check
) -> None:
    package(ODD.format(write=write, check=check, options=None))
    Path("spec.yaml").write_text(
        SPEC.replace("toy", "odd").replace("options: {odd: {digits: 3}}", "")
    )
    with pytest.raises(PluginError) as caught:
        composer.build("spec.yaml")
    assert "odd 2.1" in caught.value.message
    assert list(Path("build").iterdir()) == []


def test_options_of_a_format_without_any_or_with_a_schema_that_is_none(folder, package) -> None:
    Path("spec.yaml").write_text(SPEC.replace("toy", "odd"))
    package(ODD.format(write="fine", check="fine", options=None))
    assert [problem.code for problem in found()] == ["CMP201"]


def test_a_schema_that_is_none_is_a_mistake_of_the_plug_in(folder, package) -> None:
    Path("spec.yaml").write_text(SPEC.replace("toy", "odd"))
    package(ODD.format(write="fine", check="fine", options="{'type': 7}"))
    (problem,) = found()
    assert (problem.code, problem.path) == ("CMP560", ("output", "options", "odd"))


def test_no_plug_in_takes_a_name_or_an_extension_of_ours(folder, site) -> None:
    (site / "compose_odd.py").write_text("raise RuntimeError\n")
    points = "keras.odd = compose_odd:FORMAT\nodd.keras = compose_odd:FORMAT\n"
    register(site, "odd", "2.1", f"[keras_compose.formats]\n{points}")
    Path("spec.yaml").write_text(SPEC.partition("output")[0])
    assert composer.build("spec.yaml", output="x.keras").files[0].format == "keras"
    assert composer.build("spec.yaml").files[0].path == Path("build/net.keras")


def test_two_packages_of_one_format_are_told(folder, toy_plugin) -> None:
    register(toy_plugin, "second-toy", "1.0", BROKEN.replace("compose_toy", "second_toy"))
    with pytest.raises(PluginError) as caught:
        found()
    assert "compose-toy" in caught.value.message
    assert "second-toy" in caught.value.message
