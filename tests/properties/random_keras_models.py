"""Random Keras models as programs: hypothesis draws one, a failure prints it as code that runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.properties import random_keras_steps as steps
from tests.properties.random_keras_writer import STEPS, Layer, Value, Writer

PRELUDE = """\
import keras
from keras import layers, ops
from tests.properties.custom_keras_layers import Blend, Fork
"""
_CHOICES = 400

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Program:
    """Python text that ends with a model in the variable ``model``."""

    text: str

    def __repr__(self) -> str:
        return f"\n{PRELUDE}\n{self.text}\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # else hypothesis shows the fields, on one line

    def build(self) -> Any:
        """Run the text with counters of names set back; returns the ``keras.Model``."""
        import keras
        from keras.src.utils import naming

        from tests.properties import custom_keras_layers

        # Not clear_session, which also empties TensorFlow's cache of kernels.
        naming.reset_uids()
        scope = {
            "keras": keras,
            "layers": keras.layers,
            "ops": keras.ops,
            "Blend": custom_keras_layers.Blend,
            "Fork": custom_keras_layers.Fork,
        }
        exec(self.text, scope)
        return scope["model"]


def programs(largest: int = 12) -> st.SearchStrategy[Program]:
    """Draw a Functional model of up to ``largest`` steps, some of which are models themselves.

    Every other one has more steps of few kinds between tensors of one shape, so that layers are
    called again and again at all depths: the order of such models is the hardest to tell.
    """
    # One draw of bytes: of many small draws hypothesis makes variants that are too much alike.
    return st.binary(min_size=_CHOICES, max_size=_CHOICES).map(
        lambda choices: _program(choices, largest)
    )


def _program(choices: bytes, largest: int) -> Program:
    remaining = iter(choices)

    def pick(values: Sequence[T]) -> T:
        return values[next(remaining, 0) % len(values)]

    if pick((False, True)):
        writer = Writer(pick=pick, level=0, widths=(2,), steps=_SHARING_STEPS)
        write_model(writer, "model", count=pick(range(1, 2 * largest)))
    else:
        writer = Writer(pick=pick, level=0)
        write_model(writer, "model", count=pick(range(1, largest)))
    return Program("\n".join(writer.lines))


# ---------------------------------------------------------------- models, and models inside


def write_model(writer: Writer, name: str, count: int) -> Layer:
    """Write a model into the variable ``name``."""
    inputs = [_input(writer) for _ in range(writer.pick((1, 2, 3)))]
    for _ in range(count):
        writer.pick(writer.steps or _STEPS_OF_LEVEL[writer.level])(writer)
    open_values = [v for v in writer.values if v.code not in writer.taken] or writer.values[-1:]
    outputs = open_values[-writer.pick((1, 2, 4)) :]  # the last are the deepest
    if writer.pick((False, False, True)):
        outputs = [*outputs, writer.pick(writer.values)]  # an inner one, an input, or one twice
    taken, form = _structure(writer, [v.code for v in inputs])
    given, parts = _output_structure(writer, [v.code for v in outputs])
    writer.line(f"{name} = keras.Model({taken}, {given}, name={name!r})")
    return Layer(
        code=name,
        takes=tuple(v.slot for v in inputs),
        gives=tuple(v.slot for v in outputs),
        forms=(f"({form})", f"({form}, training=False)"),
        parts=parts,
    )


def _input(writer: Writer) -> Value:
    choices = [(((width,), "float"), "float32") for width in writer.widths]
    if writer.steps is None:
        choices += [(((STEPS, width), "float"), "float32") for width in writer.widths]
        choices.append((((STEPS,), "int"), "int32"))
    slot, dtype = writer.pick(choices)
    name = writer.name("x")
    writer.line(f"{name} = keras.Input({slot[0]}, dtype={dtype!r}, name={name!r})")
    writer.values.append(Value(name, slot))
    return writer.values[-1]


def _structure(writer: Writer, codes: Sequence[str]) -> tuple[str, str]:
    """Return the structure of inputs, and the form in which a caller passes them."""
    places = [f"{{{number}}}" for number in range(len(codes))]
    choice = writer.pick(("list", "dict") if len(codes) > 1 else ("single", "list", "dict"))
    if choice == "single":
        return codes[0], places[0]
    if choice == "list":
        return f"[{', '.join(codes)}]", f"[{', '.join(places)}]"
    # The keys of a dictionary of inputs are their names; written backwards, Keras sorts them.
    pairs = list(zip(codes, places, strict=True))[::-1]
    own = ", ".join(f"{code!r}: {code}" for code, _ in pairs)
    passed = ", ".join(f"{code!r}: {place}" for code, place in pairs)
    return f"{{{own}}}", f"{{{{{passed}}}}}"


def _output_structure(writer: Writer, codes: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    several = ("list", "tuple", "dict", "nested")
    choice = writer.pick(several if len(codes) > 1 else ("single", "list", "dict"))
    keys = ["zeta", "alpha", "mid", "beta", "eta", "delta"]
    match choice:
        case "single":
            return codes[0], ("",)
        case "list":
            return f"[{', '.join(codes)}]", tuple(f"[{n}]" for n in range(len(codes)))
        case "tuple":
            return f"({', '.join(codes)})", tuple(f"[{n}]" for n in range(len(codes)))
        case "dict":
            pairs = ", ".join(f"{k!r}: {c}" for k, c in zip(keys, codes, strict=False))
            return f"{{{pairs}}}", tuple(f"[{k!r}]" for k in keys[: len(codes)])
        case _:
            rest = ", ".join(codes[1:])
            parts = ("['one']", *(f"['few'][{n}]" for n in range(len(codes) - 1)))
            return f"{{'one': {codes[0]}, 'few': [{rest}]}}", parts


def _nested(writer: Writer) -> None:
    """A model inside: written at this place, then called like any layer."""
    inner = Writer(pick=writer.pick, level=writer.level + 1, indent=writer.indent + "    ")
    name = writer.name("inner")
    inner.lines.append(f"{writer.indent}def build_{name}():")
    layer = write_model(inner, name, count=writer.pick((1, 2, 4)))
    inner.lines.append(f"{inner.indent}return {name}")
    writer.lines.extend(inner.lines)
    writer.line(f"{name} = build_{name}()")
    writer.use(layer)


def _sequential(writer: Writer) -> None:
    """A Sequential inside, with or without an Input of its own."""
    value = writer.a_float()
    name = writer.name("chain")
    width, parts = value.slot[0][-1], []
    if writer.pick((True, False)):
        parts.append(f"keras.Input({value.slot[0]})")
    for number in range(writer.pick((1, 2, 3))):
        kind = writer.pick(("Dense", "Dropout", "BatchNormalization"))
        if kind == "Dense":
            width = writer.pick(writer.widths)
        argument = {"Dense": f"{width}, ", "Dropout": "0.5, "}.get(kind, "")
        parts.append(f"layers.{kind}({argument}name='{kind.lower()}_{number}')")
    writer.line(f"{name} = keras.Sequential([{', '.join(parts)}], name={name!r})")
    slot = ((*value.slot[0][:-1], width), "float")
    writer.use(Layer(name, (value.slot,), (slot,), ("({0})", "({0}, training=False)")), value)


_PLAIN_STEPS = (
    steps.dense,
    steps.dense,
    steps.again,
    steps.again,
    steps.again,
    steps.norm,
    steps.plain,
    steps.plain,
    steps.merge,
    steps.merge,
    steps.concatenate,
    steps.operator,
    steps.operator,
    steps.split,
    steps.mask,
    steps.custom,
    steps.custom,
    steps.attention,
    steps.recurrent,
    steps.embedding,
)
_SHARING_STEPS = (
    *(steps.again,) * 8,
    steps.dense,
    steps.merge,
    steps.plain,
    steps.operator,
    steps.custom,
    _nested,
)
_STEPS_OF_LEVEL: tuple[tuple[Callable[[Writer], None], ...], ...] = (
    (*_PLAIN_STEPS, _nested, _nested, _sequential, _sequential),
    (*_PLAIN_STEPS, _nested, _sequential),
    _PLAIN_STEPS,
)
