"""Runs a function of the user's own code and saves the model that it returns."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from composer.diagnostics.suggest import nearest
from composer.errors import ComposeError, SourceError
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.import_user_code import extend_path, failure
from composer.keras_process.tasks.reload import Unloadable, unloadable_part

_FAILED = "code-run"
_MISSING = "code"


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Call ``function`` of ``module`` with the keyword arguments ``args``; save its model.

    Args:
        request: ``module``, ``function``, ``args``, ``seed``, ``file`` (where the module was
            found), ``folder`` (current while the code runs), ``path`` (where modules are looked
            for), ``own`` (files and folders of the user's code), ``target``.
        report: told before the code runs.

    Returns:
        ``parameters``: how many numbers the model's variables hold.

    Raises:
        SourceError: the code failed, returned no model, or one that can't be saved or loaded.
    """
    name = f"{request['module']}:{request['function']}"
    folder, *others = request["path"]
    extend_path(first=[folder], last=others, own=request["own"])
    # Relative paths belong to the folder of the spec, in its args as everywhere in it.
    os.chdir(request["folder"])
    report(f"running {name}")
    # Modules may draw random numbers while they are imported; that must not change the model's.
    keras.utils.set_random_seed(request["seed"])
    module = _guarded(request, f"importing {request['module']}", _import, request)
    function = _function(module, request["function"])
    keras.utils.set_random_seed(request["seed"])
    model = _guarded(request, name, function, **request["args"])
    _check(model, name)
    try:
        model.save(request["target"])
    except Exception as problem:
        raise _unsavable(model, name, problem) from problem
    unloadable = unloadable_part(Path(request["target"]))
    if unloadable is not None:
        raise _unloadable(unloadable, name)
    return {"parameters": sum(int(keras.ops.size(variable)) for variable in model.variables)}


def _guarded(
    request: Mapping[str, Any], what: str, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """Call code of the user's; what it raises becomes a refusal that shows the place in it."""
    try:
        return function(*args, **kwargs)
    except ComposeError:
        raise
    except (Exception, SystemExit) as problem:
        raise SourceError(
            "CMP516.failed",
            what=what,
            reason=failure(problem, request["own"], request["folder"]),
            help=_help(problem),
        ) from problem


def _help(problem: BaseException) -> str | None:
    if isinstance(problem, ModuleNotFoundError) and problem.name is not None:
        package = problem.name.partition(".")[0]
        if package == "keras_hub":
            return "install it next to compose: pip install keras-hub"
        return (
            f"install what provides {package} where compose runs, or put its module beside the spec"
        )
    if isinstance(problem, FileNotFoundError):
        return "relative paths belong to the folder of the spec, which is current while it runs"
    return None


def _import(request: Mapping[str, Any]) -> ModuleType:
    module = importlib.import_module(request["module"])
    found, expected = getattr(module, "__file__", None), request["file"]
    if found is None or Path(found).resolve() != Path(expected):
        raise SourceError(
            "CMP515.module-taken",
            name=request["module"],
            expected=expected,
            found=found or "a built-in module",
        )
    return module


def _function(module: ModuleType, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    if found is not None:
        raise SourceError(
            "CMP515.not-callable", name=name, file=module.__name__, found=_a(type(found))
        )
    known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
    raise SourceError(
        "CMP515.no-function",
        name=name,
        file=module.__name__,
        nearest=nearest(name, sorted(known)),
    )


def _check(model: Any, name: str) -> None:
    """Refuse what is no model of this Keras, or one that was never built."""
    if not isinstance(model, keras.Model):
        raise SourceError(
            "CMP516.no-model", name=name, found=_described(model), help=_help_for(model)
        )
    if not model.built:
        raise SourceError("CMP516.not-built", name=name, class_name=type(model).__name__)


def _described(value: Any) -> str:
    if value is None:
        return "nothing (None)"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return _a(type(value))


def _a(kind: type) -> str:
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"a value of type {module}{kind.__qualname__}"


def _help_for(value: Any) -> str | None:
    if value is None:
        return "does it end in a return statement?"
    if isinstance(value, list | tuple) and any(isinstance(item, keras.Model) for item in value):
        return "return the model alone"
    if isinstance(value, type) and issubclass(value, keras.Model):
        return "return an instance: call the class"
    if isinstance(value, keras.KerasTensor):
        return "return keras.Model(inputs, outputs)"
    if type(value).__module__.startswith("tf_keras"):
        return "make it with keras (version 3) instead of tf_keras"
    if isinstance(value, keras.layers.Layer):
        return "a layer needs an input around it: return keras.Model(inputs, layer(inputs))"
    return None


def _unsavable(model: Any, name: str, problem: Exception) -> SourceError:
    """Name the part of a model that Keras can't save."""
    part = model
    for layer in model._flatten_layers(include_self=False):
        try:
            keras.saving.serialize_keras_object(layer)
        except Exception as found:
            part, problem = layer, found
    kind = type(part)
    return SourceError(
        "CMP516.unsaveable",
        name=name,
        layer=None if part is model else part.name,
        module=kind.__module__,
        qualname=kind.__qualname__,
        reason=explain(problem),
        class_name=kind.__name__,
    )


def _unloadable(part: Unloadable, name: str) -> SourceError:
    short = part.kind.rpartition(".")[2]
    if part.unknown:
        help_ = f"put @keras.saving.register_keras_serializable() above the class {short}"
    else:
        help_ = (
            f"let {short} take everything that its get_config() gives, and be built from its "
            "build_config"
        )
    return SourceError(
        "CMP516.unloadable",
        name=name,
        layer=part.name,
        class_name=part.kind,
        reason=part.why,
        help=help_,
    )
