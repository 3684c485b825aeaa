"""Classes outside of Keras are found wherever a config holds them."""

from __future__ import annotations

from composer.graphs.foreign import ForeignClass, foreign_classes


def entry(module: str | None, name: str, registered: str | None = None, **config):
    return {"module": module, "class_name": name, "registered_name": registered, "config": config}


def test_classes_are_found_inside_of_wrappers_and_lists_each_once() -> None:
    mine = entry("mine.layers", "Twice", "mine>Twice")
    config = entry(
        "keras.layers", "TimeDistributed", layer=mine, more=[mine, entry("other", "Thing")]
    )
    assert foreign_classes(config) == (
        ForeignClass("mine.layers", "Twice", "mine>Twice"),
        ForeignClass("other", "Thing", None),
    )


def test_keras_and_builtins_are_not_foreign() -> None:
    config = entry("keras.src.models.functional", "Functional", a=entry("builtins", "function"))
    assert foreign_classes(config) == ()
    assert foreign_classes(entry(None, "Dense")) == ()


def test_packages_that_keras_imports_by_itself_are_told_apart() -> None:
    (hub,) = foreign_classes(entry("keras_hub.src.layers", "TransformerEncoder"))
    (own,) = foreign_classes(entry("keras_hubble", "TransformerEncoder"))
    assert hub.found_by_keras
    assert not own.found_by_keras
    assert str(own) == "keras_hubble.TransformerEncoder"
