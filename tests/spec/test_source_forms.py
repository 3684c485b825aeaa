"""Kinds of sources by the text of ``from``, with nothing opened."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from composer.plugins import entry_points
from composer.spec.source_forms import GROUP, entry_of, names_local_file, path_in
from tests.plugin.install import register


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("models/a.keras", ".keras"),
        ("file:///models/a.h5", ".h5"),
        ("https://host/a.hdf5?download=1", ".hdf5"),
        ("https://host/7#a.keras", ".keras"),
        ("parts/b.yaml", ".yaml"),
        ("app:ResNet50", "app"),
        ("hub:./presets/a.keras", "hub"),
        ("py:nets.towers:make", "py"),
        ("hub://host/a", None),
        ("apps:ResNet50", None),
        ("a.onnx", None),
        ("saved_model.pb:x", None),
        (".keras:x", None),
        ("", None),
    ],
)
def test_the_text_tells_the_kind(location: str, name: str | None) -> None:
    entry = entry_of(location)
    assert (None if entry is None else entry.name) == name


def test_a_folder_is_known_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    assert entry_of("net", tmp_path) is None
    (tmp_path / "net" / "saved_model.pb").write_bytes(b"")
    entry = entry_of("net", tmp_path)
    assert entry is not None
    assert entry.name == "saved_model.pb"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("a.keras", "a.keras"),
        ("c:a.keras", "c:a.keras"),
        ("hub:./a", "./a"),
        ("hub:~/a", "~/a"),
        ("hub:bert", None),
        ("app:ResNet50", None),
        ("py:a:b", None),
        ("https://host/a.keras", None),
    ],
)
def test_a_path_in_it_is_one_of_this_machine(location: str, path: str | None) -> None:
    assert path_in(location) == path


def test_a_url_is_no_local_file() -> None:
    assert names_local_file("a.keras")
    assert not names_local_file("https://host/a.keras")
    assert not names_local_file("hub:./a.keras")


def test_the_longest_ending_counts(site: Path) -> None:
    points = "".join(f"{name} = gone_module:KIND\n" for name in (".json", ".toy.json"))
    register(site, "one", "1", f"[{GROUP}]\n{points}")
    entry = entry_of("a.toy.json")
    assert entry is not None
    assert entry.name == ".toy.json"


def test_our_own_kinds_ask_no_other_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_group: str) -> None:
        raise AssertionError

    monkeypatch.setattr(entry_points, "of_plugins", refused)
    monkeypatch.setattr("composer.spec.source_forms.of_plugins", refused)
    for location in ("a.keras", "b.h5", "c.yaml", "app:A", "hub:b", "py:c:d"):
        assert entry_of(location) is not None
    assert "gone_module" not in sys.modules
