"""Advisories about code that a config leads to by its name: no module is imported for it."""

from __future__ import annotations

import pytest

from tests.security.poison import function, poisoned, turned_into, with_argument

GADGETS = [
    ("os", "system"),
    ("posix", "system"),
    ("subprocess", "check_output"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("importlib", "import_module"),
    ("pickle", "loads"),
    ("marshal", "loads"),
    ("ctypes", "CDLL"),
]


@pytest.mark.parametrize(("module", "name"), GADGETS)
def test_cve_2025_1550_a_function_of_python_is_refused_whoever_is_trusted(
    attack, module, name
) -> None:
    """Before Keras 3.9 a config could name any function of any module, which was imported."""
    edit = turned_into("Lambda", function=function(module, name), arguments={"x": "touch canary"})
    poisoned(attack.folder / "a.keras", edit)
    attack.refused("a.keras", "CMP531", "layer 'd1' (Lambda)", name, keys=", trust: true")


def test_cve_2025_1550_a_class_of_python_in_the_place_of_a_part_is_refused(attack) -> None:
    part = {
        "module": "subprocess",
        "class_name": "Popen",
        "config": {"args": ["touch", str(attack.canary)]},
        "registered_name": "Popen",
    }
    poisoned(attack.folder / "a.keras", with_argument("kernel_initializer", part))
    attack.refused("a.keras", "CMP531", "subprocess.Popen", keys=", trust: true")


def test_cve_2025_1550_a_module_of_the_attackers_is_not_imported(attack) -> None:
    (attack.folder / "pickle_payload.py").write_text(f"open({str(attack.canary)!r}, 'w')\n")
    poisoned(
        attack.folder / "a.keras",
        turned_into("Lambda", function=function("pickle_payload", "run")),
    )
    attack.refused("a.keras", "CMP533", "pickle_payload.run", "objects: [pickle_payload:run]")


@pytest.mark.parametrize("module", ["keras.utils", "keras.src.utils.file_utils"])
@pytest.mark.parametrize("as_class", [False, True])
def test_cve_2025_8747_a_download_by_keras_is_no_layer(attack, module, as_class) -> None:
    """Keras 3.0 to 3.10 let a config call ``get_file``, which fetches and unpacks files."""
    arguments = {"fname": str(attack.canary), "origin": "http://localhost:9/x"}
    edit = (
        turned_into("get_file", module, **arguments)
        if as_class
        else turned_into("Lambda", function=function(module, "get_file"), arguments=arguments)
    )
    poisoned(attack.folder / "a.keras", edit)
    attack.refused("a.keras", "CMP531", f"{module}.get_file", keys=", trust: true")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.src.saving.serialization_lib", "enable_unsafe_deserialization"),
        ("keras.models", "load_model"),
        ("keras.saving", "deserialize_keras_object"),
        ("keras.layers", "deserialize"),
        ("keras.src.utils.python_utils", "func_load"),
    ],
)
def test_cve_2025_9906_a_config_can_not_switch_safety_off(attack, module, name) -> None:
    """Before Keras 3.11 a config could call ``enable_unsafe_deserialization`` and go on."""
    edit = turned_into("Lambda", function=function(module, name))
    poisoned(attack.folder / "a.keras", edit)
    attack.refused("a.keras", "CMP531", f"{module}.{name}", keys=", trust: true")


@pytest.mark.parametrize(
    "module", ["keras.layers.", "Keras.utils", "keras..layers", "os\x00", "ｋeras"]
)
def test_a_module_that_is_nearly_one_of_keras_passes_for_none(attack, module) -> None:
    edit = turned_into("Lambda", function=function(module, "get_file"))
    poisoned(attack.folder / "a.keras", edit)
    ends = attack.run("a.keras")
    assert ends["build"].code == 1
    assert "error[CMP53" in ends["build"].err
