"""Loads a preset of KerasHub, wraps it so that its layers are recorded, and saves it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from composer.diagnostics.suggest import nearest
from composer.errors import BuildError, ComposeError, SourceError
from composer.keras_process.hub_presets import CONFIGS, refuse_foreign
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.reload import unloadable_part


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Load ``preset`` with ``from_preset`` of ``class`` and save it to ``target``.

    A backbone saves the arguments of its class; wrapped once more it saves a graph.

    Args:
        request: ``preset`` (a folder, name or handle), ``shown`` in messages, ``local`` (it is a
            folder), ``class`` of ``keras_hub.models``, ``args`` of ``from_preset``, ``seed``,
            ``target``.
        report: told before the preset is loaded.

    Returns:
        ``parameters``: how many numbers the model's variables hold.

    Raises:
        SourceError: KerasHub can't be imported, has no such class or preset, refuses the
            arguments or can't download it, or the model records no graph.
    """
    shown = request["shown"]
    try:
        import keras_hub
        from keras_hub.src.utils import preset_utils
    except Exception as problem:
        raise BuildError("CMP710.no-kerashub", reason=explain(problem)) from problem
    kind = _class(keras_hub.models, request["class"])
    report(f"loading {shown}")
    keras.utils.set_random_seed(request["seed"])
    try:
        if not request["local"]:
            _check_remote(preset_utils, request["preset"], shown)
        model = kind.from_preset(request["preset"], **_arguments(kind, keras_hub, request["args"]))
    except ComposeError:
        raise
    except Exception as problem:
        raise _failure(problem, request, keras_hub) from problem
    _refuse_ignored(model, request["args"], shown)
    _wrapped(model, shown).save(request["target"])
    unloadable = unloadable_part(Path(request["target"]))
    if unloadable is not None:
        raise SourceError(
            "CMP525.unloadable",
            location=shown,
            layer=unloadable.name,
            class_name=unloadable.kind,
            reason=unloadable.why,
        )
    return {"parameters": sum(int(keras.ops.size(variable)) for variable in model.variables)}


def _class(models: Any, name: Any) -> Any:
    known = {
        key: value
        for key, value in vars(models).items()
        if isinstance(value, type) and issubclass(value, keras.Model)
    }
    if name in known:
        return known[name]
    raise SourceError(
        "CMP505.no-task", name=name, key="args", nearest=nearest(str(name), sorted(known))
    )


def _arguments(kind: Any, keras_hub: Any, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments; a task is loaded without what prepares its inputs."""
    if issubclass(kind, keras_hub.models.Task):
        return {"preprocessor": None, **args}
    return dict(args)


def _refuse_ignored(model: Any, args: Mapping[str, Any], shown: str) -> None:
    """Refuse arguments that KerasHub passed on and no constructor took."""
    takes = {"load_weights", "load_task_weights", "dtype", "name", "trainable"}
    for part in (model, getattr(model, "backbone", None)):
        if part is not None:
            takes |= set(inspect.signature(type(part).__init__).parameters)
    takes -= {"self", "args", "kwargs", "backbone", "preprocessor"}
    for name in args:
        if name not in takes:
            raise SourceError(
                "CMP505.hub-argument",
                location=shown,
                name=name,
                class_name=type(model).__name__,
                expected=sorted(takes),
                key="args",
                nearest=nearest(name, sorted(takes)),
            )


def _check_remote(preset_utils: Any, preset: str, shown: str) -> None:
    """Look at the configs of a preset that was downloaded, before anything is made of them."""
    for name in CONFIGS:
        if name == CONFIGS[0] or preset_utils.check_file_exists(preset, name):
            refuse_foreign(preset_utils.load_json(preset, name), f"{shown}: {name}")


def _failure(
    problem: Exception, request: Mapping[str, Any], keras_hub: Any
) -> SourceError | BuildError:
    shown = request["shown"]
    if isinstance(problem, TypeError) and request["args"]:
        return SourceError(
            "CMP505.hub-arguments-refused", location=shown, reason=explain(problem), key="args"
        )
    if request["local"]:
        return SourceError("CMP525.unloadable-preset", location=shown, reason=explain(problem))
    known = keras_hub.models.Backbone.presets
    if "://" not in shown and shown not in known:
        return SourceError(
            "CMP525.unknown-preset",
            version=keras_hub.__version__,
            location=shown,
            nearest=nearest(shown, sorted(known)),
        )
    return BuildError("CMP710.preset-download", location=shown, reason=explain(problem))


def _wrapped(model: Any, shown: str) -> keras.Model:
    if isinstance(model, keras.Model) and not model.built:
        raise _no_graph(shown, type(model).__name__)
    try:
        return keras.Model(model.input, model.output, name=model.name)
    except Exception as problem:
        raise _no_graph(shown, type(model).__name__) from problem


def _no_graph(shown: str, kind: str) -> SourceError:
    return SourceError("CMP525.no-graph", location=shown, class_name=kind)
