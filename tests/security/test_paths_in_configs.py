"""Advisories about files that a config or an archive leads to: none is opened, made or moved."""

from __future__ import annotations

import pytest

from tests.security.poison import contents, poisoned, rewritten, turned_into


@pytest.mark.parametrize("class_name", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_cve_2025_12058_a_vocabulary_that_is_a_path_is_not_read(attack, class_name) -> None:
    """Before Keras 3.12 a lookup layer read any file of the machine, or fetched any address."""
    poisoned(attack.folder / "a.keras", turned_into(class_name, vocabulary=str(attack.pipe)))
    attack.refused("a.keras", "CMP531", f"layer 'd1' ({class_name})", keys=", trust: true")


def test_cve_2025_12058_an_address_is_not_fetched(attack) -> None:
    edit = turned_into("StringLookup", vocabulary="http://169.254.169.254/latest/meta-data")
    poisoned(attack.folder / "a.keras", edit)
    attack.refused("a.keras", "CMP531", "169.254.169.254", keys=", trust: true")


def test_cve_2026_1462_a_saved_model_elsewhere_is_not_loaded(attack) -> None:
    """Before Keras 3.13.2 TFSMLayer loaded a SavedModel from any place, in safe mode too."""
    edit = turned_into("TFSMLayer", filepath=str(attack.pipe), call_endpoint="serve")
    poisoned(attack.folder / "a.keras", edit)
    attack.refused("a.keras", "CMP531", "layer 'd1' (TFSMLayer)", keys=", trust: true")


@pytest.mark.parametrize("name", ["../../canary", "..\\..\\canary", "/canary"])
def test_cve_2026_12479_a_layer_name_that_climbs_leads_nowhere(attack, name) -> None:
    """Keras 3.14.0 made folders below a temporary one by names that a config gave.

    composer unpacks nothing, and makes no path of a layer's name.
    """

    def rename(layers) -> None:
        layers[-1]["name"] = layers[-1]["config"]["name"] = name

    poisoned(attack.folder / "a.keras", rename)
    ends = attack.run("a.keras")
    assert ends["build"].code == 1
    assert "error[CMP" in ends["build"].err


@pytest.mark.parametrize("name", ["..", "."])
def test_cve_2026_12479_a_layer_that_is_called_like_a_folder_is_refused(attack, name) -> None:
    def rename(layers) -> None:
        layers[-1]["name"] = layers[-1]["config"]["name"] = name

    poisoned(attack.folder / "a.keras", rename)
    assert attack.run("a.keras")["build"].code == 1


def test_cve_2026_12479_a_class_that_is_a_path_is_refused(attack) -> None:
    """Places of weights and assets are made of the names of classes."""
    poisoned(attack.folder / "a.keras", turned_into("../../canary"))
    attack.refused("a.keras", "CMP531", "which no class is called", keys=", trust: true")


@pytest.mark.parametrize("name", ["assets/../../canary", "/canary", "assets/a\\..\\..\\canary"])
def test_cve_2026_12479_a_member_that_climbs_out_is_refused(attack, name) -> None:
    path = poisoned(attack.folder / "a.keras", list)
    rewritten(path, {**contents(path), name: b"evil"})
    attack.refused("a.keras", "CMP502", "the name of member")
