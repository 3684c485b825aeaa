"""Loads a preset of KerasHub, wraps it so that its layers are recorded, and saves it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from composer.diagnostics.suggest import nearest
from composer.errors import SourceError
from composer.keras_process.hub_presets import CONFIGS, HUB, refuse_foreign
from composer.keras_process.refusal import RefusalError
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
        RefusalError: KerasHub can't be imported, has no such class or preset, refuses the
            arguments or can't download it, or the model records no graph.
    """
    shown = request["shown"]
    try:
        import keras_hub
        from keras_hub.src.utils import preset_utils
    except Exception as problem:
        raise RefusalError(
            f"KerasHub can't be imported: {explain(problem)}",
            kind="build",
            reason="missing",
            help="install it with: pip install 'keras-compose[hub]'",
        ) from problem
    kind = _class(keras_hub.models, request["class"])
    report(f"loading {shown}")
    keras.utils.set_random_seed(request["seed"])
    try:
        if not request["local"]:
            _check_remote(preset_utils, request["preset"], shown)
        model = kind.from_preset(request["preset"], **_arguments(kind, keras_hub, request["args"]))
    except RefusalError:
        raise
    except Exception as problem:
        raise _failure(problem, request, keras_hub) from problem
    _refuse_ignored(model, request["args"], shown)
    _wrapped(model, shown).save(request["target"])
    unloadable = unloadable_part(Path(request["target"]))
    if unloadable is not None:
        raise RefusalError(
            f"the model of {shown} can't be loaded again, because of its layer "
            f"{unloadable.name!r} ({unloadable.kind}): {unloadable.why}",
            kind="source",
            reason=HUB,
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
    raise RefusalError(
        f"keras_hub.models has no model class {name!r}",
        kind="source",
        reason="unknown_argument",
        nearest=nearest(str(name), sorted(known)),
        help="task is a class of keras_hub.models, such as ImageClassifier",
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
            raise RefusalError(
                f"{shown} takes no argument {name!r}",
                kind="source",
                reason="unknown_argument",
                nearest=nearest(name, sorted(takes)),
                help=f"{type(model).__name__} takes {', '.join(sorted(takes))}; task names a class "
                "of keras_hub.models",
            )


def _check_remote(preset_utils: Any, preset: str, shown: str) -> None:
    """Look at the configs of a preset that was downloaded, before anything is made of them."""
    for name in CONFIGS:
        if name == CONFIGS[0] or preset_utils.check_file_exists(preset, name):
            try:
                refuse_foreign(preset_utils.load_json(preset, name), f"{shown}: {name}")
            except SourceError as error:
                raise RefusalError(
                    error.message, kind="source", reason=HUB, help=error.help
                ) from error


def _failure(problem: Exception, request: Mapping[str, Any], keras_hub: Any) -> RefusalError:
    shown = request["shown"]
    if isinstance(problem, TypeError) and request["args"]:
        return RefusalError(
            f"KerasHub refuses the arguments of {shown}: {explain(problem)}",
            kind="source",
            reason="refused",
        )
    if request["local"]:
        return RefusalError(
            f"KerasHub can't load the preset {shown}: {explain(problem)}",
            kind="source",
            reason=HUB,
        )
    known = keras_hub.models.Backbone.presets
    if "://" not in shown and shown not in known:
        return RefusalError(
            f"KerasHub {keras_hub.__version__} knows no preset {shown!r}",
            kind="source",
            reason=HUB,
            nearest=nearest(shown, sorted(known)),
            help=f"hub:./{shown} is a folder beside the spec, hub:hf://OWNER/NAME a handle",
        )
    return RefusalError(
        f"the preset {shown} can't be had: {explain(problem)}",
        kind="build",
        reason="download",
        help="check the network and the name; a preset that was saved with save_to_preset works "
        "offline, as hub:./FOLDER",
    )


def _wrapped(model: Any, shown: str) -> keras.Model:
    if isinstance(model, keras.Model) and not model.built:
        raise _no_graph(shown, type(model).__name__)
    try:
        return keras.Model(model.input, model.output, name=model.name)
    except Exception as problem:
        raise _no_graph(shown, type(model).__name__) from problem


def _no_graph(shown: str, kind: str) -> RefusalError:
    return RefusalError(
        f"{shown} is a {kind}, which records no graph of layers",
        kind="source",
        reason=HUB,
        help="let a function of your own return the part that is wanted as a keras.Model "
        "(from: py:MODULE:FUNCTION)",
    )
