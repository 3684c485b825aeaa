"""What stands beside an artifact: held against the published schemas, and against the files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import composer
from composer.container.digests import digest_file
from composer.graphs.content_digest import digest_content
from composer.record.bill import bill
from composer.record.build_record import (
    ArtifactRecord,
    BuildRecord,
    ModelRecord,
    SourceRecord,
    SpecRecord,
)
from composer.record.statement import statement
from tests.provenance.conftest import PAIR, Compose
from tests.sources.remote.file_server import Served, file_server

BOTH = ("--provenance", "--sbom")
WIDE = """\
version: 1
name: wide
description: All kinds of parts
extends: shared/_base.yaml
sources:
  mid: {from: pair.yaml, prefix: m_, license: Ours alone}
  w: {from: models/tower.keras, weights: models/tower_b.keras, prefix: w_}
output: {path: out/wide, format: [keras, weights]}
"""
BASE = """\
sources:
  base: {from: ../models/tower.keras, prefix: b_, license: mit or apache-2.0}
"""


def check_statement(document: dict[str, Any]) -> None:
    """Hold a statement against the protocol buffers that in-toto and SLSA publish."""
    from google.protobuf import json_format

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of code that an older compiler generated
        from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
        from in_toto_attestation.v1 import statement_pb2
        from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
        from in_toto_attestation.v1.statement import Statement

        read = json_format.ParseDict(document, statement_pb2.Statement())
        Statement.copy_from_pb(read).validate()
        assert read.predicate_type == "https://slsa.dev/provenance/v1"
        found = json_format.ParseDict(document["predicate"], provenance_pb2.Provenance())
    definition = found.build_definition
    assert definition.build_type == "urn:keras-compose:build:1"
    assert found.run_details.builder.id == "urn:keras-compose:builder:1"
    for dependency in definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(dependency).validate()
        assert dependency.uri
        assert dependency.digest


def check_bill(document: dict[str, Any]) -> None:
    """Hold a bill of materials against the JSON Schema that CycloneDX publishes."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    assert problem is None, problem
    references = [part["bom-ref"] for part in document["components"]]
    references.append(document["metadata"]["component"]["bom-ref"])
    assert sorted(entry["ref"] for entry in document["dependencies"]) == sorted(references)
    reached = [ref for entry in document["dependencies"] for ref in entry.get("dependsOn", [])]
    assert sorted([*reached, "model"]) == sorted(references)


@pytest.mark.parametrize("text", ["", "x/y"])
def test_the_checks_of_this_file_refuse_what_is_wrong(text: str) -> None:
    from google.protobuf.json_format import ParseError

    with pytest.raises(AssertionError):
        check_bill({"bomFormat": text, "specVersion": "1.6"})
    with pytest.raises((ParseError, ValueError)):
        check_statement({"_type": text, "subject": [], "predicate": {"buildDefinitions": {}}})


def documents(stem: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both documents beside a result, each of which is sound."""
    provenance = json.loads(Path(f"{stem}.intoto.json").read_text())
    sbom = json.loads(Path(f"{stem}.cdx.json").read_text())
    check_statement(provenance)
    check_bill(sbom)
    return provenance, sbom


@pytest.fixture
def wide(folder: Path) -> Path:
    (folder / "shared").mkdir()
    (folder / "shared" / "_base.yaml").write_text(BASE)
    (folder / "wide.yaml").write_text(WIDE)
    return folder


def test_both_documents_name_the_bytes_of_all_that_a_build_read_and_wrote(
    wide: Path, compose: Compose
) -> None:
    code, out, err = compose("build", "wide.yaml", *BOTH)
    assert (code, err) == (0, "")
    assert "  provenance  out/wide.intoto.json\n  sbom        out/wide.cdx.json\n" in out
    provenance, _ = documents("out/wide")
    subjects = {item["name"]: item["digest"] for item in provenance["subject"]}
    assert subjects == {
        name: {"sha256": digest_file(wide / "out" / name)}
        for name in ("wide.keras", "wide.weights.h5")
    }
    definition = provenance["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {
        "spec": "wide.yaml", "overrides": [], "formats": ["keras", "weights"]
    }  # fmt: skip
    dependencies = {item["name"]: item for item in definition["resolvedDependencies"]}
    files = {
        item["uri"]: item["digest"]["sha256"]
        for item in definition["resolvedDependencies"]
        if "sha256" in item["digest"]
    }
    assert files == {uri: digest_file(uri) for uri in files}
    assert set(files) == {
        "wide.yaml", "shared/_base.yaml", "pair.yaml", "models/tower.keras", "models/tower_b.keras"
    }  # fmt: skip
    assert set(dependencies) == {
        "spec", "sources.mid", "sources.mid.sources.a", "sources.mid.sources.head", "sources.w",
        "sources.w.weights", "sources.base",
    }  # fmt: skip
    # Of the sources of a source its recipe names the content, whatever file it came in.
    inner = dependencies["sources.mid.sources.a"]
    assert inner["digest"] == {"kerasContent": digest_content("models/tower.keras")}
    assert inner["annotations"] == {"license": "MIT"}
    assert dependencies["sources.base"]["annotations"]["content"] == inner["digest"]["kerasContent"]


def test_the_bill_lists_every_source_with_hash_and_licence(wide: Path, compose: Compose) -> None:
    compose("build", "wide.yaml", "--sbom")
    assert not (wide / "out" / "wide.intoto.json").exists()
    sbom = json.loads((wide / "out" / "wide.cdx.json").read_text())
    check_bill(sbom)
    parts = {part["bom-ref"]: part for part in sbom["components"]}
    assert {key: part.get("licenses") for key, part in parts.items()} == {
        "source:mid": [{"license": {"name": "Ours alone"}}],
        "source:mid/a": [{"license": {"id": "MIT"}}],
        "source:mid/head": None,
        "source:w": None,
        "weights:w": None,
        "source:base": [{"expression": "MIT OR Apache-2.0"}],
    }
    assert parts["source:w"]["hashes"] == [
        {"alg": "SHA-256", "content": digest_file("models/tower.keras")}
    ]
    depends = {entry["ref"]: entry.get("dependsOn", []) for entry in sbom["dependencies"]}
    assert depends["model"] == ["source:base", "source:mid", "source:w"]
    assert depends["source:mid"] == ["source:mid/a", "source:mid/head"]
    assert depends["source:w"] == ["weights:w"]
    model = sbom["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"][0]["content"] == digest_file(wide / "out" / "wide.keras")
    assert [part["name"] for part in model["components"]] == ["wide.weights.h5"]
    card = model["modelCard"]["modelParameters"]
    assert {"format": "w_image: (None, 16, 16, 3) float32"} in card["inputs"]
    assert "externalReferences" not in model


def test_the_bill_points_to_the_statement_beside_it(folder: Path, compose: Compose) -> None:
    compose("build", "pair.yaml", *BOTH)
    _, sbom = documents("build/pair")
    assert sbom["metadata"]["component"]["externalReferences"] == [
        {"type": "attestation", "url": "pair.intoto.json"}
    ]


def test_the_same_build_elsewhere_gives_the_same_documents(
    wide: Path, compose: Compose, tmp_path: Path
) -> None:
    compose("build", "wide.yaml", *BOTH)
    other = tmp_path / "elsewhere" / "deep"
    shutil.copytree(wide, other, ignore=shutil.ignore_patterns("out"))
    done = subprocess.run(
        [sys.executable, "-m", "composer", "build", "deep/wide.yaml", *BOTH],
        cwd=other.parent,
        env={**os.environ, "COMPOSE_HOME": str(tmp_path / "other"), "PYTHONHASHSEED": "7"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    for name in ("wide.intoto.json", "wide.cdx.json"):
        text = (wide / "out" / name).read_bytes()
        assert (other / "out" / name).read_bytes() == text
        assert str(tmp_path).encode() not in text


def test_no_time_is_named_but_the_one_that_the_environment_gives(
    folder: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose("build", "pair.yaml", *BOTH)
    provenance, sbom = documents("build/pair")
    assert "metadata" not in provenance["predicate"]["runDetails"]
    assert "timestamp" not in sbom["metadata"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    compose("build", "pair.yaml", *BOTH)
    provenance, sbom = documents("build/pair")
    assert provenance["predicate"]["runDetails"]["metadata"] == {
        "startedOn": "2023-11-14T22:13:20Z", "finishedOn": "2023-11-14T22:13:20Z"
    }  # fmt: skip
    assert sbom["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "253402300800", "٣", " 1"])
def test_a_time_that_is_none_ends_the_build_before_it_writes(
    folder: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    code, _, err = compose("build", "pair.yaml", "--sbom")
    assert code == 2
    assert "SOURCE_DATE_EPOCH" in err
    assert not (folder / "build").exists()
    assert compose("build", "pair.yaml")[0] == 0  # which names no time


def test_no_folder_and_no_secret_gets_into_a_document(
    folder: Path, models: Path, compose: Compose, tmp_path: Path
) -> None:
    with file_server() as server:
        server.files["/tower.keras"] = Served((models / "tower.keras").read_bytes())
        url = f"{server.url}/tower.keras?token=abcdefgh"
        head = (folder / "models" / "head.keras").resolve()
        (folder / "pair.yaml").write_text(
            PAIR.replace("models/tower.keras", f"'{url}'").replace("models/head.keras", str(head))
        )
        change = f"sources.head.from={head}"
        assert compose("build", "pair.yaml", change, "-o", tmp_path / "x.keras", *BOTH)[0] == 0
    provenance, sbom = documents(str(tmp_path / "x"))
    definition = provenance["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["overrides"] == ["sources.head.from=head.keras"]
    net = definition["resolvedDependencies"][1]
    assert net["uri"] == f"{server.url}/tower.keras?token=***"
    assert net["digest"]["sha256"] == digest_file(models / "tower.keras")
    assert sbom["components"][0]["externalReferences"] == [
        {"type": "distribution", "url": f"{server.url}/tower.keras?token=***"}
    ]
    for document in (provenance, sbom):
        text = json.dumps(document)
        assert "abcdefgh" not in text
        assert str(tmp_path) not in text
        assert str(models) not in text


def test_documents_come_with_the_artifact_or_not_at_all(folder: Path, compose: Compose) -> None:
    compose("lock", "pair.yaml")
    assert compose("build", "--locked", "pair.yaml", *BOTH)[0] == 0
    before = {path.name: path.read_bytes() for path in (folder / "build").iterdir()}
    assert set(before) == {"pair.keras", "pair.intoto.json", "pair.cdx.json"}
    lock = folder / "pair.lock.json"
    content = digest_content("build/pair.keras")
    lock.write_text(lock.read_text().replace(content, "0" * 64))
    assert compose("build", "--locked", "pair.yaml", *BOTH)[0] == 4
    assert {path.name: path.read_bytes() for path in (folder / "build").iterdir()} == before
    (folder / "build" / "pair.cdx.json").unlink()
    (folder / "build" / "pair.cdx.json").mkdir()
    code, _, err = compose("build", "pair.yaml", "sources.a.prefix=z_", *BOTH)
    assert code == 3
    assert "build/pair.cdx.json is a folder" in err
    assert (folder / "build" / "pair.keras").read_bytes() == before["pair.keras"]
    assert (folder / "build" / "pair.intoto.json").read_bytes() == before["pair.intoto.json"]


def test_a_frozen_build_says_what_the_locked_one_said(wide: Path, compose: Compose) -> None:
    compose("lock", "wide.yaml")
    compose("build", "--locked", "wide.yaml", *BOTH)
    said = {path.name: path.read_bytes() for path in (wide / "out").glob("*.json")}
    shutil.rmtree(wide / "out")
    (wide / "wide.yaml").write_text(f"{WIDE}# moved on\n")
    assert compose("build", "--frozen", "wide.yaml", *BOTH)[0] == 0
    assert {path.name: path.read_bytes() for path in (wide / "out").glob("*.json")} == said


def test_what_is_said_of_fresh_results_is_what_was_said_of_new_ones(
    wide: Path, compose: Compose
) -> None:
    compose("build", "wide.yaml", *BOTH)
    said = {path.name: path.read_bytes() for path in (wide / "out").glob("*.json")}
    for path in (wide / "out").glob("*.json"):
        path.unlink()
    before = (wide / "out" / "wide.keras").stat()
    code, out, _ = compose("build", "wide.yaml", *BOTH)
    assert code == 0
    assert out == (
        "out/wide.keras is fresh\nout/wide.weights.h5 is fresh\n"
        "  provenance  out/wide.intoto.json\n  sbom        out/wide.cdx.json\n"
    )
    assert {path.name: path.read_bytes() for path in (wide / "out").glob("*.json")} == said
    (wide / "out" / "wide.weights.h5").unlink()  # and now one is new
    code, out, _ = compose("build", "wide.yaml", *BOTH)
    assert code == 0
    assert out.startswith("out/wide.keras is fresh\nout/wide.weights.h5\n")
    assert {path.name: path.read_bytes() for path in (wide / "out").glob("*.json")} == said
    after = (wide / "out" / "wide.keras").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (wide / "out" / "wide.cdx.json").unlink()
    (wide / "out" / "wide.cdx.json").mkdir()
    code, _, err = compose("build", "wide.yaml", *BOTH)
    assert code == 3
    assert "out/wide.cdx.json is a folder" in err


def test_a_document_of_an_earlier_build_is_told(folder: Path, compose: Compose) -> None:
    compose("build", "pair.yaml", *BOTH)
    assert compose("build", "pair.yaml")[2] == ""
    err = compose("build", "pair.yaml", "sources.a.prefix=z_", "--sbom")[2]
    assert err == "build/pair.intoto.json is of an earlier build; --provenance writes it anew\n"
    provenance = json.loads((folder / "build" / "pair.intoto.json").read_text())
    assert provenance["subject"][0]["digest"]["sha256"] != digest_file("build/pair.keras")


def test_a_build_that_writes_nothing_says_nothing_about_it(folder: Path, compose: Compose) -> None:
    code, _, err = compose("build", "pair.yaml", "--dry-run", "--sbom")
    assert code == 2
    assert "--sbom is about what was written, and --dry-run writes nothing" in err


def test_several_specs_have_documents_of_their_own(folder: Path, compose: Compose) -> None:
    (folder / "other.yaml").write_text(PAIR.replace("name: pair", "name: other"))
    assert compose("build", "pair.yaml", "other.yaml", "-j", "2", *BOTH)[0] == 0
    for stem in ("build/pair", "build/other"):
        provenance, sbom = documents(stem)
        assert provenance["subject"][0]["name"] == f"{Path(stem).name}.keras"
        assert sbom["metadata"]["component"]["name"] == Path(stem).name


def test_two_results_of_one_format_are_both_named(folder: Path, compose: Compose) -> None:
    assert compose("build", "pair.yaml", "-o", "x.keras", "-o", "y.keras", *BOTH)[0] == 0
    provenance, sbom = documents("x")
    assert [item["name"] for item in provenance["subject"]] == ["x.keras", "y.keras"]
    parameters = provenance["predicate"]["buildDefinition"]["externalParameters"]
    assert parameters["formats"] == ["keras", "keras"]
    component = sbom["metadata"]["component"]
    assert [part["name"] for part in component["components"]] == ["y.keras"]


def test_from_python_the_same(folder: Path) -> None:
    made = composer.build("pair.yaml", output="x.keras", provenance=True, sbom=True)
    assert [(str(place.path), place.format) for place in made.companions] == [
        ("x.intoto.json", "provenance"), ("x.cdx.json", "sbom")
    ]  # fmt: skip
    documents("x")
    assert composer.build("pair.yaml", output="y.keras").companions == ()
    assert not Path("y.intoto.json").exists()


@pytest.mark.keras
def test_what_keras_made_and_drew_is_named(folder: Path, compose: Compose) -> None:
    (folder / "own.py").write_text(
        "import keras\n\n\ndef make():\n"
        "    features = keras.Input((4,), name='features')\n"
        "    return keras.Model(features, keras.layers.Dense(2, name='top')(features))\n"
    )
    (folder / "new.yaml").write_text(
        "version: 1\nname: new\nseed: 3\nsources: {net: {from: 'py:own:make'}}\n"
        "layers: {probs: {class: Dense, args: {units: 3}, inputs: net}}\n"
    )
    assert compose("build", "new.yaml", *BOTH)[0] == 0
    provenance, sbom = documents("build/new")
    predicate = provenance["predicate"]
    assert {"keras", "tensorflow"} < set(predicate["runDetails"]["builder"]["version"])
    net = predicate["buildDefinition"]["resolvedDependencies"][1]
    assert net["uri"] == "py:own:make"
    assert set(net["digest"]) == {"kerasContent"}
    assert net["annotations"]["seed"] > 0
    told = {item["name"]: item["value"] for item in sbom["metadata"]["component"]["properties"]}
    assert told["keras-compose:layer:probs"].startswith("Dense, seed ")
    assert told["keras-compose:seed"] == "3"


def made(*artifacts: ArtifactRecord, name: str = "net", **sources: SourceRecord) -> BuildRecord:
    return BuildRecord(
        spec=SpecRecord(name=name, files={}, overrides=(), sha256="0" * 64, resolved={}),
        sources=sources,
        layers={},
        names={},
        toolchain={"composer": "0.1.0"},
        artifacts={artifact.name: artifact for artifact in artifacts},
        model=ModelRecord(
            description=None, seed=0, inputs=(), outputs=(), operations=1, parameters=0
        ),
    )


def test_a_folder_has_the_digest_that_in_toto_gives_folders() -> None:
    result = ArtifactRecord(
        name="net.saved_model", format="saved_model", folder=True, sha256="1" * 64, size=9
    )
    document = statement(made(result))
    check_statement(document)
    assert document["subject"][0]["digest"] == {"dirHash": "1" * 64}
    listed = bill(made(result))
    check_bill(listed)
    component = listed["metadata"]["component"]
    assert "hashes" not in component
    assert {"name": "keras-compose:dirHash", "value": "1" * 64} in component["properties"]


FILE = ArtifactRecord(name="net.keras", format="keras", sha256="1" * 64, size=9)


def test_every_licence_that_spdx_knows_is_one_that_cyclonedx_knows() -> None:
    from packaging.licenses._spdx import LICENSES

    ids = sorted({entry["id"] for entry in LICENSES.values()})
    names = (*ids, "Apache-2.0+", "LicenseRef-own", "MIT WITH nothing", "see LICENSE", "MIT AND")
    sources = {
        f"s{number}": SourceRecord(location=name, license=name, content="2" * 64)
        for number, name in enumerate(names)
    }
    listed = bill(made(FILE, **sources))
    check_bill(listed)
    found = {part["name"]: part["licenses"][0] for part in listed["components"]}
    for name in [*ids, "Apache-2.0+"]:
        plus = name.endswith("+")  # which an expression may put behind any name
        assert found[name] == ({"expression": name} if plus else {"license": {"id": name}})
    assert found["LicenseRef-own"] == {"expression": "LicenseRef-own"}
    assert found["see LICENSE"] == {"license": {"name": "see LICENSE"}}
    assert found["MIT AND"] == {"license": {"name": "MIT AND"}}


def test_a_place_with_odd_letters_is_a_uri_all_the_same() -> None:
    odd = SourceRecord(location="models/große <1>.keras", sha256="3" * 64, content="2" * 64)
    document = statement(made(FILE, a=odd))
    check_statement(document)
    (dependency,) = document["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert dependency["uri"] == "models/gro%C3%9Fe%20%3C1%3E.keras"
    check_bill(bill(made(FILE, a=odd)))


@pytest.mark.parametrize(
    ("location", "purl"),
    [
        ("hf://owner/repository@main/dir/a.keras", "pkg:huggingface/owner/repository@abc"),
        ("hf://owner/repository/a.keras", "pkg:huggingface/owner/repository@abc"),
        ("s3://bucket/a.keras", None),
    ],
)
def test_a_model_of_the_hub_has_its_package_url(location: str, purl: str | None) -> None:
    model = SourceRecord(location=location, content="2" * 64, revision="abc")
    listed = bill(made(FILE, a=model))
    check_bill(listed)
    (part,) = listed["components"]
    assert (part.get("purl"), part["version"]) == (purl, "abc")


def test_a_bill_that_says_something_else_has_another_serial_number() -> None:
    one, same, other = bill(made(FILE)), bill(made(FILE)), bill(made(FILE, name="other"))
    assert one["serialNumber"] == same["serialNumber"] != other["serialNumber"]
