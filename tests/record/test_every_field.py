"""Every field of a lock: changed in a real one, it is what ``build --locked`` ends with."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from composer.spec.schema_file import schema_text
from tests.plugin.install import install
from tests.sources.remote.file_server import Served, file_server
from tests.sources.remote.hub import hub_of

SCHEMA: dict[str, Any] = json.loads(schema_text("lock"))
Pattern = tuple[str, ...]
"""The path of a field in any lock: ``*`` stands for any key."""

EXTENDS = """\
version: 1
name: pair
extends: ../shared/_base.yaml
inputs: {image: {shape: [16, 16, 3]}}
sources:
  a: {from: models/tower.keras, prefix: a_, inputs: image, weights: models/tower_b.keras}
  b: {prefix: b_, inputs: image}
output: {path: build/pair, format: [keras, weights]}
"""
BASE = "sources: {b: {from: tower.keras, license: MIT}}\n"
BY_URL = """\
version: 1
name: url
sources:
  net: {from: '%s/tower.keras', prefix: n_}
  hub: {from: 'hf://owner/repository@main/dir/tower.keras', prefix: h_}
"""
MADE = """\
version: 1
name: made
sources:
  own: {from: 'py:mine:make'}
layers:
  probs: {class: Dense, args: {units: 3}, inputs: own}
"""
BY_PLUGIN = """\
version: 1
name: toy
sources:
  toy: {from: net.toy.json, prefix: t_}
"""
TOY = {"name": "net", "inputs": 2, "layers": [{"name": "out", "kernel": [[1], [2]], "bias": [3]}]}
CODE = """\
import keras

def make():
    features = keras.Input((4,), name="features")
    return keras.Model(features, keras.layers.Dense(2, name="top")(features))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A spec with its lock, in the current folder.

    Attributes:
        spec: its name.
        overrides: those of the lock.
        target: of a build, which there is.
        document: what the lock says.
    """

    spec: str
    overrides: tuple[str, ...]
    target: str
    document: dict[str, Any]

    @property
    def lock(self) -> Path:
        return Path(self.spec).with_suffix(".lock.json")


Compose = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def place(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of specs of several kinds, which is the current one, with a store."""
    folder = tmp_path_factory.mktemp("fields")
    for name in ("work/models", "shared"):
        (folder / name).mkdir(parents=True)
    for name in ("tower", "tower_b"):
        shutil.copy(models / f"{name}.keras", folder / "work" / "models")
    shutil.copy(models / "tower.keras", folder / "shared")
    (folder / "shared" / "_base.yaml").write_text(BASE)
    (folder / ".git").mkdir()  # both folders belong to one repository
    with ExitStack() as stack:
        server = stack.enter_context(file_server())
        data = (models / "tower_b.keras").read_bytes()
        stack.enter_context(hub_of(data, str(folder / "token")))
        server.files["/tower.keras"] = Served((models / "tower.keras").read_bytes())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("COMPOSE_HOME", str(folder / "store"))
        (folder / "site").mkdir()
        install(folder / "site")
        patch.syspath_prepend(folder / "site")
        stack.enter_context(chdir(folder / "work"))
        Path("pair.yaml").write_text(EXTENDS)
        Path("url.yaml").write_text(BY_URL % server.url)
        Path("made.yaml").write_text(MADE)
        Path("mine.py").write_text(CODE)
        Path("toy.yaml").write_text(BY_PLUGIN)
        Path("net.toy.json").write_text(json.dumps(TOY))
        yield folder / "work"
    for name in [name for name in sys.modules if name.startswith("compose_toy")]:
        del sys.modules[name]


@pytest.fixture
def compose(place: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    from composer.cli.running import run

    def call(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run(arguments)
        return code, capsys.readouterr().err

    return call


@pytest.fixture(scope="module")
def locks(place: Path) -> tuple[Locked, ...]:
    """Return the lock of each spec, all of which hold."""
    from composer.cli.running import run

    found = []
    for spec, overrides in (
        ("pair.yaml", ("sources.a.prefix=left_",)),
        ("url.yaml", ()),
        ("made.yaml", ()),
        ("toy.yaml", ()),
    ):
        assert run(["lock", spec, *overrides]) == 0
        assert run(["build", "--locked", spec, *overrides]) == 0
        lock = Path(spec).with_suffix(".lock.json")
        document = json.loads(lock.read_text())
        target = f"build/{Path(spec).stem}.keras"
        found.append(Locked(spec=spec, overrides=overrides, target=target, document=document))
    return tuple(found)


def fields(schema: dict[str, Any], path: Pattern = ()) -> Iterator[Pattern]:
    """Yield every field that the schema of locks knows of."""
    if "$ref" in schema:
        assert schema["$ref"] == "#/$defs/digest", path
    inner = dict(schema.get("properties", {}))
    if isinstance(schema.get("additionalProperties"), dict):
        inner["*"] = schema["additionalProperties"]
    if not inner:
        yield path
    for key, value in inner.items():
        yield from fields(value, (*path, key))


FIELDS = tuple(fields(SCHEMA))


def instances(value: Any, pattern: Pattern) -> Iterator[Pattern]:
    """Yield the paths in a document that a pattern stands for."""
    if not pattern:
        yield ()
        return
    if isinstance(value, dict):
        for key in value if pattern[0] == "*" else [pattern[0]]:
            if key in value:
                for rest in instances(value[key], pattern[1:]):
                    yield (key, *rest)


def leaves(value: Any, path: Pattern) -> Iterator[Pattern]:
    """Yield the paths of all below ``value`` that holds no map, and of empty maps."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path


def at(document: dict[str, Any], path: Pattern) -> Any:
    for step in path:
        document = document[step]
    return document


def other(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case str() if len(value) == 64:
            return ("1" if value.startswith("0") else "0") + value[1:]
        case str():
            return f"{value}x"
        case bool():
            return int(value)  # equal to it in Python, and not in JSON
        case int():
            return value + 1
        case list():
            return [*value, "vars.more=1"]
        case dict():
            return {"more": 1}
    raise AssertionError(value)


def put(document: dict[str, Any], path: Pattern, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def without(document: dict[str, Any], path: Pattern) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    del at(changed, path[:-1])[path[-1]]
    return changed


def refused(
    compose: Compose, locked: Locked, document: dict[str, Any], path: Pattern
) -> tuple[int, str]:
    """Build what a changed lock says: it fails, names the field, and leaves the result alone."""
    before = Path(locked.target).stat()
    locked.lock.write_text(json.dumps(document))
    try:
        code, err = compose("build", "--locked", locked.spec, *locked.overrides)
    finally:
        locked.lock.write_text(json.dumps(locked.document))
    assert code == 4, f"{'.'.join(path)}: {err}"
    assert f"{'.'.join(path)}" in err, err
    after = Path(locked.target).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    return code, err


def of_pattern(locks: tuple[Locked, ...], pattern: Pattern) -> list[tuple[Locked, Pattern]]:
    """Return the fields of a pattern in all locks, the first two of each, which there must be."""
    found = []
    for locked in locks:
        here = [
            leaf
            for path in instances(locked.document, pattern)
            for leaf in leaves(at(locked.document, path), path)
        ]
        found.extend((locked, path) for path in here[:2])
    assert found, f"no lock of this test holds {'.'.join(pattern)}"
    return found


REFUSING = [pattern for pattern in FIELDS if pattern[0] not in ("format", "toolchain")]


@pytest.mark.keras
@pytest.mark.parametrize("pattern", REFUSING, ids=".".join)
def test_a_changed_field_ends_a_locked_build_by_its_name(pattern, locks, compose):
    for locked, path in of_pattern(locks, pattern):
        changed = put(locked.document, path, other(at(locked.document, path)))
        _, err = refused(compose, locked, changed, path)
        assert f"compose lock {locked.spec}" in err


@pytest.mark.keras
@pytest.mark.parametrize("pattern", REFUSING, ids=".".join)
def test_a_field_that_is_gone_ends_a_locked_build_by_its_name(pattern, locks, compose):
    for locked, path in of_pattern(locks, pattern):
        only = at(locked.document, path[:-1]).keys() == {path[-1]}
        refused(compose, locked, without(locked.document, path), path[-2:-1] if only else path[-1:])


ENTRIES = {
    ("spec", "files", "more.yaml"): "0" * 64,
    ("spec", "directories", "sources.more"): "..",
    ("spec", "resolved", "more"): 1,
    ("sources", "more"): {"from": "more.keras", "content": "0" * 64},
    ("layers", "more"): {"class": "Dense", "seed": 1, "content": "0" * 64},
    ("names", "more"): "a:more",
    ("artifacts", "onnx"): {"size": 1, "sha256": "0" * 64},
}
MORE = {"plugin": "compose-toy 1.0", "size": 1, "sha256": "0" * 64, "revision": "v1", "weights": "0" * 64, "seed": 1,
        "license": "MIT", "content": "0" * 64}  # fmt: skip
"""A value for each field that not every entry has."""


@pytest.mark.keras
@pytest.mark.parametrize("path", ENTRIES, ids=".".join)
def test_an_entry_that_there_is_not_ends_a_locked_build_by_its_name(path, locks, compose):
    for locked in locks:
        refused(compose, locked, put(locked.document, path, ENTRIES[path]), path)


@pytest.mark.keras
def test_a_field_that_an_entry_does_not_have_ends_a_locked_build_by_its_name(locks, compose):
    tried = set()
    for locked in locks:
        for pattern in REFUSING:
            for entry in instances(locked.document, pattern[:-1]):
                if pattern[-1] in ("*", *at(locked.document, entry)) or len(pattern) < 3:
                    continue
                path = (*entry, pattern[-1])
                refused(compose, locked, put(locked.document, path, MORE[path[-1]]), path)
                tried.add(pattern[-1])
    assert tried == set(MORE)


def maps(schema: dict[str, Any], path: Pattern = ()) -> Iterator[Pattern]:
    """Yield each map of a lock whose keys are all known."""
    if schema.get("additionalProperties") is False:
        yield path
    for key, value in schema.get("properties", {}).items():
        yield from maps(value, (*path, key))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from maps(schema["additionalProperties"], (*path, "*"))


@pytest.mark.keras
@pytest.mark.parametrize("pattern", tuple(maps(SCHEMA)), ids=lambda path: ".".join(path) or "lock")
def test_a_field_that_no_lock_has_is_refused_by_its_name(pattern, locks, compose):
    for locked in locks:
        for path in list(instances(locked.document, pattern))[:1]:
            _, err = refused(compose, locked, put(locked.document, (*path, "contnet"), 1), path)
            assert "'contnet' was unexpected" in err
            assert "compose lock SPEC writes a new one" in err


@pytest.mark.keras
@pytest.mark.parametrize("pattern", FIELDS, ids=".".join)
def test_a_value_of_another_kind_is_refused_by_the_name_of_its_field(pattern, locks, compose):
    for locked in locks:
        for path in list(instances(locked.document, pattern))[:1]:
            refused(compose, locked, put(locked.document, path, None), path)


@pytest.mark.keras
def test_a_lock_of_another_format_is_refused(locks, compose):
    _, err = refused(compose, locks[0], {**locks[0].document, "format": 2}, ("format",))
    assert "a lock of format 2" in err


@pytest.mark.keras
def test_other_versions_refuse_nothing_by_themselves_and_are_named(locks, compose):
    """What they make is compared by content, and fails where that is another."""
    for locked, path in of_pattern(locks, ("toolchain", "*")):
        changed = put(locked.document, path, "0.0.1")
        locked.lock.write_text(json.dumps(changed))
        code, err = compose("build", "--locked", locked.spec, *locked.overrides)
        assert code == 0
        assert f"other versions than those of the lock: {'.'.join(path)}: locked '0.0.1'" in err
        content = ("artifacts", "keras", "content")
        refused(compose, locked, put(changed, content, "0" * 64), content)


@pytest.mark.keras
def test_numbers_and_flags_that_python_takes_for_equal_are_told_apart(locks, compose):
    path = ("spec", "resolved", "version")
    refused(compose, locks[0], put(locks[0].document, path, True), path)
    assert put(locks[0].document, path, 1.0) == locks[0].document  # the same number in JSON


@pytest.mark.keras
def test_a_key_that_stands_twice_in_a_lock_is_refused(locks, compose):
    locked = locks[0]
    text = json.dumps(locked.document)
    other_size = text.replace('"license": "MIT"', '"license": "GPL-3.0-only", "license": "MIT"')
    assert other_size != text
    locked.lock.write_text(other_size)
    try:
        code, err = compose("build", "--locked", locked.spec, *locked.overrides)
    finally:
        locked.lock.write_text(text)
    assert code == 4
    assert "has the key 'license' twice" in err
