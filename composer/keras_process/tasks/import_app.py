"""Makes a model of keras.applications and saves it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from composer.errors import BuildError, SourceError
from composer.keras_process.applications import unknown_argument, unknown_name
from composer.keras_process.tasks.explain import explain


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Make the model ``name`` with the keyword arguments ``args`` and save it to ``target``.

    Args:
        request: ``name``, ``args``, ``seed`` (for weights that are not downloaded), ``target``.
        report: told before the model is made.

    Returns:
        ``parameters``: how many numbers the model's variables hold.

    Raises:
        SourceError: there is no such model or argument, or Keras refuses the arguments.
        BuildError: the weights can't be downloaded.
    """
    name = request["name"]
    constructor = _constructor(name)
    arguments = {key: _as_tuples(value) for key, value in request["args"].items()}
    _check_arguments(name, constructor, arguments)
    report(f"making {name}")
    keras.utils.set_random_seed(request["seed"])
    try:
        model = constructor(**arguments)
    except Exception as problem:
        # keras.utils.get_file raises a bare Exception for a download that failed.
        if isinstance(problem, OSError) or _is_download(problem):
            raise BuildError("CMP710.download", name=name, reason=explain(problem)) from problem
        raise SourceError(
            "CMP505.arguments-refused", name=name, reason=explain(problem), key="args"
        ) from problem
    model.save(request["target"])
    return {"parameters": int(model.count_params())}


def _constructor(name: str) -> Callable[..., keras.Model]:
    known = {
        key: value
        for key, value in vars(keras.applications).items()
        if inspect.isfunction(value) and key[0].isupper()
    }
    _refuse(unknown_name(name, known))
    return known[name]


def _check_arguments(
    name: str, constructor: Callable[..., Any], arguments: Mapping[str, Any]
) -> None:
    known = [
        parameter.name
        for parameter in inspect.signature(constructor).parameters.values()
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    ]
    _refuse(unknown_argument(name, arguments, known))


def _refuse(problem: SourceError | None) -> None:
    if problem is not None:
        raise problem


def _as_tuples(value: Any) -> Any:
    # Keras compares `input_shape` with a tuple, and no list is equal to one.
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value


def _is_download(problem: Exception) -> bool:
    return str(problem).startswith(("URL fetch failure", "Incomplete or corrupted file detected"))
