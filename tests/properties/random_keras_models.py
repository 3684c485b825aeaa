"""Random Keras models as programs: hypothesis draws one, a failure prints it as code that runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

PRELUDE = """\
import keras
from keras import layers, ops
from tests.properties.custom_keras_layers import Blend, Fork
"""
VOCABULARY = 5
_STEPS = 3
_WIDTHS = (2, 3)
_WIDEST = 6
_CHOICES = 400
_POLICIES = ("mixed_bfloat16", "mixed_float16", "float64")

T = TypeVar("T")
Pick = Callable[[Sequence[T]], T]
Slot = tuple[tuple[int, ...], str]
"""Shape without the batch, and ``float``, ``int`` or ``bool``."""


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
        writer = _Writer(pick=pick, level=0, widths=(2,), steps=_SHARING_STEPS)
        writer.model("model", steps=pick(range(1, 2 * largest)))
    else:
        writer = _Writer(pick=pick, level=0)
        writer.model("model", steps=pick(range(1, largest)))
    return Program("\n".join(writer.lines))


# ---------------------------------------------------------------- what a program is made of


@dataclass(frozen=True, slots=True)
class _Value:
    """A tensor: the expression that gives it, and what it is."""

    code: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class _Layer:
    """Something that can be called again.

    ``forms`` are ways to call it with ``{0}``, ``{1}`` for its tensors; ``parts`` say how to get
    its outputs out of what it returns.
    """

    code: str
    takes: tuple[Slot, ...]
    gives: tuple[Slot, ...]
    forms: tuple[str, ...] = ("({0})",)
    parts: tuple[str, ...] = ("",)


@dataclass(slots=True)
class _Writer:
    """Writes the program of one model, and of the models inside it."""

    pick: Pick[Any]
    level: int
    widths: tuple[int, ...] = _WIDTHS
    steps: tuple[Callable[[_Writer], None], ...] | None = None
    indent: str = ""
    lines: list[str] = field(default_factory=list)
    values: list[_Value] = field(default_factory=list)
    layers: list[_Layer] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    count: int = 0

    # ------------------------------------------------------------ models

    def model(self, name: str, steps: int) -> _Layer:
        """Write a model into the variable ``name``."""
        inputs = [self._input() for _ in range(self.pick((1, 2, 3)))]
        for _ in range(steps):
            self.pick(self.steps or _STEPS_OF_LEVEL[self.level])(self)
        open_values = [v for v in self.values if v.code not in self.taken] or self.values[-1:]
        outputs = open_values[-self.pick((1, 2, 4)) :]  # the last are the deepest
        if self.pick((False, False, True)):
            outputs = [*outputs, self.pick(self.values)]  # an inner one, an input, or one twice
        taken, form = self._structure([v.code for v in inputs], kind="inputs")
        given, parts = self._output_structure([v.code for v in outputs])
        self._line(f"{name} = keras.Model({taken}, {given}, name={name!r})")
        return _Layer(
            code=name,
            takes=tuple(v.slot for v in inputs),
            gives=tuple(v.slot for v in outputs),
            forms=(f"({form})", f"({form}, training=False)"),
            parts=parts,
        )

    def _input(self) -> _Value:
        choices = [(((width,), "float"), "float32") for width in self.widths]
        if self.steps is None:
            choices += [(((_STEPS, width), "float"), "float32") for width in self.widths]
            choices.append((((_STEPS,), "int"), "int32"))
        slot, dtype = self.pick(choices)
        name = self._name("x")
        self._line(f"{name} = keras.Input({slot[0]}, dtype={dtype!r}, name={name!r})")
        self.values.append(_Value(name, slot))
        return self.values[-1]

    def _structure(self, codes: Sequence[str], kind: str) -> tuple[str, str]:
        """Return the structure of inputs, and the form in which a caller passes them."""
        places = [f"{{{number}}}" for number in range(len(codes))]
        choice = self.pick(("list", "dict") if len(codes) > 1 else ("single", "list", "dict"))
        if choice == "single":
            return codes[0], places[0]
        if choice == "list":
            return f"[{', '.join(codes)}]", f"[{', '.join(places)}]"
        # The keys of a dictionary of inputs are their names; written backwards, Keras sorts them.
        pairs = list(zip(codes, places, strict=True))[::-1]
        own = ", ".join(f"{code!r}: {code}" for code, _ in pairs)
        passed = ", ".join(f"{code!r}: {place}" for code, place in pairs)
        return f"{{{own}}}", f"{{{{{passed}}}}}"

    def _output_structure(self, codes: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        several = ("list", "tuple", "dict", "nested")
        choice = self.pick(several if len(codes) > 1 else ("single", "list", "dict"))
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

    def nested(self) -> None:
        """A model inside: written at this place, then called like any layer."""
        inner = _Writer(pick=self.pick, level=self.level + 1, indent=self.indent + "    ")
        name = self._name("inner")
        inner.lines.append(f"{self.indent}def build_{name}():")
        layer = inner.model(name, steps=self.pick((1, 2, 4)))
        inner.lines.append(f"{inner.indent}return {name}")
        self.lines.extend(inner.lines)
        self._line(f"{name} = build_{name}()")
        self._use(layer)

    def sequential(self) -> None:
        """A Sequential inside, with or without an Input of its own."""
        value = self._float()
        name = self._name("chain")
        width, parts = value.slot[0][-1], []
        if self.pick((True, False)):
            parts.append(f"keras.Input({value.slot[0]})")
        for number in range(self.pick((1, 2, 3))):
            kind = self.pick(("Dense", "Dropout", "BatchNormalization"))
            if kind == "Dense":
                width = self.pick(self.widths)
            argument = {"Dense": f"{width}, ", "Dropout": "0.5, "}.get(kind, "")
            parts.append(f"layers.{kind}({argument}name='{kind.lower()}_{number}')")
        self._line(f"{name} = keras.Sequential([{', '.join(parts)}], name={name!r})")
        slot = ((*value.slot[0][:-1], width), "float")
        self._use(_Layer(name, (value.slot,), (slot,), ("({0})", "({0}, training=False)")), value)

    # ------------------------------------------------------------ layers

    def dense(self) -> None:
        value, units = self._float(), self.pick(self.widths)
        slot = ((*value.slot[0][:-1], units), "float")
        self._layer("Dense", f"{units}, activation='tanh'", (value.slot,), slot, first=value)

    def norm(self) -> None:
        value = self._float()
        kind = self.pick(("BatchNormalization", "LayerNormalization"))
        flags = "({0}, training=False)" if kind == "BatchNormalization" else "({0})"
        self._layer(kind, "", (value.slot,), value.slot, forms=("({0})", flags), first=value)

    def plain(self) -> None:
        value = self._float()
        kind, argument, *flags = self.pick(
            (
                ("Dropout", "0.5"),
                ("Dropout", "0.25", "({0}, training=False)"),
                ("GaussianNoise", "0.5"),
                ("Activation", "'sigmoid'"),
                ("ReLU", ""),
                ("Identity", ""),
            )
        )
        forms = ("({0})", *flags)
        self._layer(kind, argument, (value.slot,), value.slot, forms=forms, first=value)

    def again(self) -> None:
        """Call a layer or model that is there already, at another depth or in the same place."""
        usable = [layer for layer in self.layers if self._find(layer.takes) is not None]
        if usable:
            self._use(self.pick(usable))
        else:
            self.dense()

    def merge(self) -> None:
        value = self._float()
        count = self.pick((2, 2, 3))
        kind = self.pick(("Add", "Multiply", "Average", "Maximum", "Subtract"))
        count = 2 if kind == "Subtract" else count
        places = ", ".join(f"{{{number}}}" for number in range(count))
        form = (f"([{places}])",)
        self._layer(kind, "", (value.slot,) * count, value.slot, forms=form, first=value)

    def concatenate(self) -> None:
        one = self._float()
        like = [
            v
            for v in self.values
            if v.slot[1] == "float"
            and v.slot[0][:-1] == one.slot[0][:-1]
            and v.slot[0][-1] + one.slot[0][-1] <= _WIDEST
        ]
        if not like:
            return self.dense()
        other = self.pick(like)
        slot = ((*one.slot[0][:-1], one.slot[0][-1] + other.slot[0][-1]), "float")
        if self.pick((True, False)):
            form = ("([{0}, {1}])",)
            takes = (one.slot, other.slot)
            return self._layer("Concatenate", "", takes, slot, forms=form, first=one)
        self._express(f"ops.concatenate([{one.code}, {other.code}], axis=-1)", one, other, slot)
        return None

    def attention(self) -> None:
        value = self._sequence()
        if value is None:
            return self.recurrent()
        forms = (
            "({0}, {1})",
            "(query={0}, value={1})",
            "(value={0}, query={1}, key={1})",
            "(query={0}, value={1}, key={0}, use_causal_mask=True)",
        )
        takes, argument = (value.slot, value.slot), "num_heads=1, key_dim=2"
        if self.pick((False, True)):
            forms = (f"{forms[1][:-1]}, return_attention_scores=True)",)
            gives = (value.slot, ((1, _STEPS, _STEPS), "other"))
            name = self._made("MultiHeadAttention", argument, policy=True)
            layer = _Layer(name, takes, gives, forms, ("[0]", "[1]"))
            return self._use(layer, value)
        return self._layer("MultiHeadAttention", argument, takes, value.slot, forms=forms)

    def recurrent(self) -> None:
        value = self._sequence()
        if value is None:
            return self.embedding()
        units, kind = self.pick(self.widths), self.pick(("LSTM", "LSTM", "GRU"))
        state = ((units,), "float")
        states = (state, state) if kind == "LSTM" else (state,)
        whole = self.pick((True, False))
        slot = ((_STEPS, units), "float") if whole else state
        argument = f"{units}, return_sequences={whole}"
        variant = self.pick(("plain", "states", "initial", "mask", "both ways", "each step"))
        if variant == "states":
            name = self._made(kind, f"{argument}, return_state=True")
            parts = tuple(f"[{n}]" for n in range(1 + len(states)))
            return self._use(_Layer(name, (value.slot,), (slot, *states), parts=parts), value)
        if variant == "initial" and self._find((value.slot, *states)) is not None:
            places = ", ".join(f"{{{n}}}" for n in range(1, 1 + len(states)))
            form = (f"({{0}}, initial_state=[{places}])",)
            return self._layer(kind, argument, (value.slot, *states), slot, forms=form)
        mask = ((_STEPS,), "bool")
        if variant == "mask" and self._find((value.slot, mask)) is not None:
            form = ("({0}, mask={1})", "({0}, training=False, mask={1})")
            return self._layer(kind, argument, (value.slot, mask), slot, forms=form)
        if variant == "both ways":
            name = self._name("bidirectional")
            self._line(
                f"{name} = layers.Bidirectional(layers.{kind}({argument}), name={name!r})"
            )
            double = ((*slot[0][:-1], 2 * units), "float")
            return self._use(_Layer(name, (value.slot,), (double,)), value)
        if variant == "each step":
            name = self._name("each")
            self._line(f"{name} = layers.TimeDistributed(layers.Dense({units}), name={name!r})")
            steps = ((_STEPS, units), "float")
            return self._use(_Layer(name, (value.slot,), (steps,)), value)
        return self._layer(kind, argument, (value.slot,), slot, first=value)

    def embedding(self) -> None:
        tokens = [v for v in self.values if v.slot == ((_STEPS,), "int")]
        if not tokens:
            return self.dense()
        width, masks = self.pick(self.widths), self.pick((False, True))
        slot = ((_STEPS, width), "float")
        argument = f"{VOCABULARY}, {width}, mask_zero={masks}"
        return self._layer("Embedding", argument, (((_STEPS,), "int"),), slot)

    def custom(self) -> None:
        value = self._float()
        if self.pick((True, False)):
            name = self._name("blend")
            self._line(f"{name} = Blend(name={name!r})")
            forms = ("({{'right': {0}, 'left': {1}}})", "({{'left': {0}, 'right': {1}}})")
            return self._use(_Layer(name, (value.slot,) * 2, (value.slot,), forms), value)
        units = self.pick(self.widths)
        name = self._name("fork")
        self._line(f"{name} = Fork({units}, name={name!r})")
        slot = ((*value.slot[0][:-1], units), "float")
        forms = ("({0}, {1})", "({0}, second={1}, gain=0.5)", "(second={1}, first={0})")
        parts = ("['sum']", "['difference']")
        return self._use(_Layer(name, (value.slot,) * 2, (slot, slot), forms, parts), value)

    # ------------------------------------------------------------ operators

    def operator(self) -> None:
        one = self._float()
        other = self.pick([v for v in self.values if v.slot == one.slot])
        a, b, shape = one.code, other.code, one.slot[0]
        cut = ((*shape[:-1], 1), "float")
        code, second, slot = self.pick(
            (
                (f"{a} + {b}", other, one.slot),
                (f"{a} * {b}", other, one.slot),
                (f"{a} * 2.0", None, one.slot),
                (f"1.0 - {a}", None, one.slot),
                (f"-{a}", None, one.slot),
                (f"ops.tanh({a})", None, one.slot),
                (f"ops.where({a} > {b}, {b}, {a})", other, one.slot),
                (f"{a}[..., :1]", None, cut),
                (f"{a}[:, -1]", None, (shape[1:], "float")) if len(shape) > 1
                else (f"{a}[:, ::-1]", None, one.slot),
                (f"ops.mean({a}, axis=-1, keepdims=True)", None, cut),
            )
        )  # fmt: skip
        self._express(code, one, second, slot)

    def split(self) -> None:
        wide = [v for v in self.values if v.slot[1] == "float" and v.slot[0][-1] in (2, 4, 6)]
        if not wide:
            return self.operator()
        value = self.pick(wide)
        name = self._name("halves")
        self._line(f"{name} = ops.split({value.code}, 2, axis=-1)")
        self.taken.add(value.code)
        slot = ((*value.slot[0][:-1], value.slot[0][-1] // 2), "float")
        self.values.extend(_Value(f"{name}[{n}]", slot) for n in (0, 1))
        return None

    def mask(self) -> None:
        tokens = [v for v in self.values if v.slot[1] == "int"]
        if not tokens:
            return self.operator()
        value = self.pick(tokens)
        self._express(f"ops.not_equal({value.code}, 0)", value, None, (value.slot[0], "bool"))
        return None

    # ------------------------------------------------------------ helpers

    def _layer(
        self,
        kind: str,
        arguments: str,
        takes: tuple[Slot, ...],
        gives: Slot,
        *,
        forms: tuple[str, ...] = ("({0})",),
        first: _Value | None = None,
    ) -> None:
        policy = kind not in ("LSTM", "GRU", "Embedding")
        name = self._made(kind, arguments, policy=policy)
        self._use(_Layer(name, takes, (gives,), forms), first)

    def _made(self, kind: str, arguments: str, *, policy: bool = False) -> str:
        name = self._name(kind.lower())
        parts = [arguments] if arguments else []
        if policy and self.pick((False, False, False, True)):
            parts.append(f"dtype={self.pick(_POLICIES)!r}")
        parts.append(f"name={name!r}")
        self._line(f"{name} = layers.{kind}({', '.join(parts)})")
        return name

    def _use(self, layer: _Layer, first: _Value | None = None) -> None:
        """Call ``layer`` with values that fit, ``first`` before others; it can be called again."""
        chosen = self._find(layer.takes)
        if chosen is None:
            # What a nested model takes may not be there yet.
            chosen = [self._supply(slot) for slot in layer.takes]
        elif first is not None:
            chosen[0] = first
        if layer not in self.layers:
            self.layers.append(layer)
        arguments = self.pick(layer.forms).format(*(v.code for v in chosen))
        name = self._name("t")
        self._line(f"{name} = {layer.code}{arguments}")
        self.taken.update(v.code for v in chosen)
        for part, slot in zip(layer.parts, layer.gives, strict=True):
            self.values.append(_Value(f"{name}{part}", slot))

    def _find(self, takes: Sequence[Slot]) -> list[_Value] | None:
        found = []
        for slot in takes:
            fitting = [v for v in self.values if v.slot == slot]
            if not fitting:
                return None
            found.append(self.pick(fitting))
        return found

    def _supply(self, slot: Slot) -> _Value:
        """Return a value of this slot, by a zero-cost detour from one that exists."""
        fitting = [v for v in self.values if v.slot == slot]
        if fitting:
            return self.pick(fitting)
        base = self.values[0]
        dtype = {"float": "float32", "int": "int32", "bool": "bool"}.get(slot[1], "float32")
        size = 1
        for width in slot[0]:
            size *= width
        self._express(
            f"ops.reshape(ops.repeat(ops.cast(ops.reshape({base.code}, (-1, "
            f"{_size(base.slot[0])}))[:, :1], {dtype!r}), {size}, axis=1), (-1, *{slot[0]}))",
            base,
            None,
            slot,
        )
        return self.values[-1]

    def _float(self) -> _Value:
        floats = [v for v in self.values if v.slot[1] == "float"]
        if not floats:
            self.embedding()
            floats = [v for v in self.values if v.slot[1] == "float"]
        return self.pick(floats)

    def _sequence(self) -> _Value | None:
        found = [v for v in self.values if v.slot[1] == "float" and len(v.slot[0]) > 1]
        return self.pick(found) if found else None

    def _express(self, code: str, one: _Value, other: _Value | None, slot: Slot) -> None:
        name = self._name("t")
        self._line(f"{name} = {code}")
        self.taken.add(one.code)
        if other is not None:
            self.taken.add(other.code)
        self.values.append(_Value(name, slot))

    def _name(self, kind: str) -> str:
        # Counted in each model anew, so that models inside have the names of those outside.
        self.count += 1
        return f"{kind}_{self.count}"

    def _line(self, text: str) -> None:
        self.lines.append(f"{self.indent}{text}")


def _size(shape: Sequence[int]) -> int:
    product = 1
    for width in shape:
        product *= width
    return product


_PLAIN_STEPS = (
    _Writer.dense,
    _Writer.dense,
    _Writer.again,
    _Writer.again,
    _Writer.again,
    _Writer.norm,
    _Writer.plain,
    _Writer.plain,
    _Writer.merge,
    _Writer.merge,
    _Writer.concatenate,
    _Writer.operator,
    _Writer.operator,
    _Writer.split,
    _Writer.mask,
    _Writer.custom,
    _Writer.custom,
    _Writer.attention,
    _Writer.recurrent,
    _Writer.embedding,
)
_SHARING_STEPS = (
    *(_Writer.again,) * 8,
    _Writer.dense,
    _Writer.merge,
    _Writer.plain,
    _Writer.operator,
    _Writer.custom,
    _Writer.nested,
)
_STEPS_OF_LEVEL: tuple[tuple[Callable[[_Writer], None], ...], ...] = (
    (*_PLAIN_STEPS, _Writer.nested, _Writer.nested, _Writer.sequential, _Writer.sequential),
    (*_PLAIN_STEPS, _Writer.nested, _Writer.sequential),
    _PLAIN_STEPS,
)
