"""What packages register: found without loading it, ours first; what is broken is told."""

from __future__ import annotations

import sys

import pytest

from composer.errors import PluginError
from composer.plugins import entry_points
from tests.plugin.install import register

GROUP = "keras_compose.things"


def test_nothing_is_loaded_to_find_it(site):
    register(site, "one", "1.2", f"[{GROUP}]\nthing = gone_one:KIND\n")
    found = entry_points.find(GROUP, "thing")
    assert found is not None
    assert (found.name, found.provider, found.is_ours) == ("thing", "one 1.2", False)
    assert entry_points.find(GROUP, "other") is None


def test_what_is_installed_later_is_found(site):
    assert entry_points.of_plugins(GROUP) == ()
    more = site / "more"
    more.mkdir()
    register(more, "one", "1.2", f"[{GROUP}]\nthing = gone_one:KIND\n")
    sys.path.append(str(more))
    try:
        assert [entry.name for entry in entry_points.of_plugins(GROUP)] == ["thing"]
    finally:
        sys.path.remove(str(more))


@pytest.mark.parametrize(
    "text", ["raise RuntimeError('no')", "import gone_too", "KIND = 1", "x = 1", "raise SystemExit"]
)
def test_a_broken_plugin_is_told(site, text):
    (site / "broken_thing.py").write_text(text)
    register(site, "one", "1.2", f"[{GROUP}]\nthing = broken_thing:KIND\n")
    found = entry_points.find(GROUP, "thing")
    assert found is not None
    with pytest.raises(PluginError) as caught:
        found.load(str)
    assert caught.value.code == "CMP560"
    assert "one 1.2" in caught.value.message


def test_two_packages_with_one_name_are_told(site):
    register(site, "one", "1", f"[{GROUP}]\nthing = gone_one:KIND\n")
    register(site, "two", "1", f"[{GROUP}]\nthing = gone_two:KIND\n")
    with pytest.raises(PluginError, check=lambda error: error.key == "CMP560.twice"):
        entry_points.find(GROUP, "thing")
