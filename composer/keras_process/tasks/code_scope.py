"""Keeps what the user's code registers with Keras to the questions that may depend on it.

One process answers a whole batch, and which questions are in it depends on what the store knows.
An answer must not depend on that: so what needs no code of the user's sees none, and what needs
it sees all that the spec names, whatever was asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras.src.saving import object_registration

from composer.graphs.foreign import FOUND_BY_KERAS
from composer.keras_process.tasks.import_user_code import register_classes


class CodeScope:
    """Keras as it is without the user's code, and as it is with it.

    Args:
        code: a ``UserCode`` as plain JSON.
    """

    def __init__(self, code: Mapping[str, Any]) -> None:
        self._code = code
        self._plain = _registered()
        self._with_code: tuple[dict[str, Any], dict[Any, str]] | None = None
        self._epsilon = keras.config.epsilon()
        self._floatx = keras.config.floatx()
        self._data_format = keras.config.image_data_format()

    def enter(self, *, with_code: bool) -> None:
        """Make Keras what it is for the next question: names, settings and counters.

        Args:
            with_code: whether the question may depend on code of the user's.

        Raises:
            UserCodeError: a module that the spec names can't be imported.
        """
        if with_code and self._with_code is None:
            self._restore(self._plain)
            register_classes(self._code)
            self._with_code = _registered()
        self._restore(self._with_code if with_code and self._with_code else self._plain)
        # What a module sets for the whole process counts for no question.
        keras.config.set_epsilon(self._epsilon)
        keras.config.set_floatx(self._floatx)
        keras.config.set_image_data_format(self._data_format)
        # Names and seeds that Keras counts up must not tell what was made before; the policy goes
        # with them.
        keras.utils.clear_session(free_memory=False)

    @staticmethod
    def _restore(state: tuple[dict[str, Any], dict[Any, str]]) -> None:
        objects, names = _registered()
        found = {key: value for key, value in objects.items() if _is_of_keras(value)}
        named = {key: value for key, value in names.items() if _is_of_keras(key)}
        for now, before in (
            (object_registration.GLOBAL_CUSTOM_OBJECTS, {**found, **state[0]}),
            (object_registration.GLOBAL_CUSTOM_NAMES, {**named, **state[1]}),
        ):
            now.clear()
            now.update(before)


def _registered() -> tuple[dict[str, Any], dict[Any, str]]:
    return (
        dict(object_registration.GLOBAL_CUSTOM_OBJECTS),
        dict(object_registration.GLOBAL_CUSTOM_NAMES),
    )


def _is_of_keras(value: Any) -> bool:
    """Tell whether Keras imports the module of an object by itself."""
    return str(getattr(value, "__module__", "")).partition(".")[0] in FOUND_BY_KERAS
