"""The steps that random models are made of: each adds a layer or an operator that fits."""

from __future__ import annotations

from tests.properties.random_keras_writer import STEPS, VOCABULARY, WIDEST, Layer, Value, Writer


def dense(writer: Writer) -> None:
    value, units = writer.a_float(), writer.pick(writer.widths)
    slot = ((*value.slot[0][:-1], units), "float")
    writer.layer("Dense", f"{units}, activation='tanh'", (value.slot,), slot, first=value)


def norm(writer: Writer) -> None:
    value = writer.a_float()
    kind = writer.pick(("BatchNormalization", "LayerNormalization"))
    flags = "({0}, training=False)" if kind == "BatchNormalization" else "({0})"
    writer.layer(kind, "", (value.slot,), value.slot, forms=("({0})", flags), first=value)


def plain(writer: Writer) -> None:
    value = writer.a_float()
    kind, argument, *flags = writer.pick(
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
    writer.layer(kind, argument, (value.slot,), value.slot, forms=forms, first=value)


def again(writer: Writer) -> None:
    """Call a layer or model that is there already, at another depth or in the same place."""
    usable = [layer for layer in writer.layers if writer.fits(layer)]
    if usable:
        writer.use(writer.pick(usable))
    else:
        dense(writer)


def merge(writer: Writer) -> None:
    value = writer.a_float()
    count = writer.pick((2, 2, 3))
    kind = writer.pick(("Add", "Multiply", "Average", "Maximum", "Subtract"))
    count = 2 if kind == "Subtract" else count
    places = ", ".join(f"{{{number}}}" for number in range(count))
    form = (f"([{places}])",)
    writer.layer(kind, "", (value.slot,) * count, value.slot, forms=form, first=value)


def concatenate(writer: Writer) -> None:
    one = writer.a_float()
    like = [
        v
        for v in writer.values
        if v.slot[1] == "float"
        and v.slot[0][:-1] == one.slot[0][:-1]
        and v.slot[0][-1] + one.slot[0][-1] <= WIDEST
    ]
    if not like:
        return dense(writer)
    other = writer.pick(like)
    slot = ((*one.slot[0][:-1], one.slot[0][-1] + other.slot[0][-1]), "float")
    if writer.pick((True, False)):
        form = ("([{0}, {1}])",)
        takes = (one.slot, other.slot)
        return writer.layer("Concatenate", "", takes, slot, forms=form, first=one)
    writer.express(f"ops.concatenate([{one.code}, {other.code}], axis=-1)", one, other, slot)
    return None


def attention(writer: Writer) -> None:
    value = writer.a_sequence()
    if value is None:
        return recurrent(writer)
    forms = (
        "({0}, {1})",
        "(query={0}, value={1})",
        "(value={0}, query={1}, key={1})",
        "(query={0}, value={1}, key={0}, use_causal_mask=True)",
    )
    takes, argument = (value.slot, value.slot), "num_heads=1, key_dim=2"
    if writer.pick((False, True)):
        forms = (f"{forms[1][:-1]}, return_attention_scores=True)",)
        gives = (value.slot, ((1, STEPS, STEPS), "other"))
        name = writer.made("MultiHeadAttention", argument, policy=True)
        layer = Layer(name, takes, gives, forms, ("[0]", "[1]"))
        return writer.use(layer, value)
    return writer.layer("MultiHeadAttention", argument, takes, value.slot, forms=forms)


def recurrent(writer: Writer) -> None:
    value = writer.a_sequence()
    if value is None:
        return embedding(writer)
    units, kind = writer.pick(writer.widths), writer.pick(("LSTM", "LSTM", "GRU"))
    state = ((units,), "float")
    states = (state, state) if kind == "LSTM" else (state,)
    whole = writer.pick((True, False))
    slot = ((STEPS, units), "float") if whole else state
    argument = f"{units}, return_sequences={whole}"
    variant = writer.pick(("plain", "states", "initial", "mask", "both ways", "each step"))
    if variant == "states":
        name = writer.made(kind, f"{argument}, return_state=True")
        parts = tuple(f"[{n}]" for n in range(1 + len(states)))
        return writer.use(Layer(name, (value.slot,), (slot, *states), parts=parts), value)
    if variant == "initial" and writer.find((value.slot, *states)) is not None:
        places = ", ".join(f"{{{n}}}" for n in range(1, 1 + len(states)))
        form = (f"({{0}}, initial_state=[{places}])",)
        return writer.layer(kind, argument, (value.slot, *states), slot, forms=form)
    mask = ((STEPS,), "bool")
    if variant == "mask" and writer.find((value.slot, mask)) is not None:
        form = ("({0}, mask={1})", "({0}, training=False, mask={1})")
        return writer.layer(kind, argument, (value.slot, mask), slot, forms=form)
    if variant == "both ways":
        name = writer.name("bidirectional")
        writer.line(f"{name} = layers.Bidirectional(layers.{kind}({argument}), name={name!r})")
        double = ((*slot[0][:-1], 2 * units), "float")
        return writer.use(Layer(name, (value.slot,), (double,)), value)
    if variant == "each step":
        name = writer.name("each")
        writer.line(f"{name} = layers.TimeDistributed(layers.Dense({units}), name={name!r})")
        steps = ((STEPS, units), "float")
        return writer.use(Layer(name, (value.slot,), (steps,)), value)
    return writer.layer(kind, argument, (value.slot,), slot, first=value)


def embedding(writer: Writer) -> None:
    tokens = [v for v in writer.values if v.slot == ((STEPS,), "int")]
    if not tokens:
        return dense(writer)
    width, masks = writer.pick(writer.widths), writer.pick((False, True))
    slot = ((STEPS, width), "float")
    argument = f"{VOCABULARY}, {width}, mask_zero={masks}"
    return writer.layer("Embedding", argument, (((STEPS,), "int"),), slot)


def custom(writer: Writer) -> None:
    value = writer.a_float()
    if writer.pick((True, False)):
        name = writer.name("blend")
        writer.line(f"{name} = Blend(name={name!r})")
        forms = ("({{'right': {0}, 'left': {1}}})", "({{'left': {0}, 'right': {1}}})")
        return writer.use(Layer(name, (value.slot,) * 2, (value.slot,), forms), value)
    units = writer.pick(writer.widths)
    name = writer.name("fork")
    writer.line(f"{name} = Fork({units}, name={name!r})")
    slot = ((*value.slot[0][:-1], units), "float")
    forms = ("({0}, {1})", "({0}, second={1}, gain=0.5)", "(second={1}, first={0})")
    parts = ("['sum']", "['difference']")
    return writer.use(Layer(name, (value.slot,) * 2, (slot, slot), forms, parts), value)


def operator(writer: Writer) -> None:
    one = writer.a_float()
    other = writer.pick([v for v in writer.values if v.slot == one.slot])
    a, b, shape = one.code, other.code, one.slot[0]
    cut = ((*shape[:-1], 1), "float")
    code, second, slot = writer.pick(
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
    writer.express(code, one, second, slot)


def split(writer: Writer) -> None:
    wide = [v for v in writer.values if v.slot[1] == "float" and v.slot[0][-1] in (2, 4, 6)]
    if not wide:
        return operator(writer)
    value = writer.pick(wide)
    name = writer.name("halves")
    writer.line(f"{name} = ops.split({value.code}, 2, axis=-1)")
    writer.taken.add(value.code)
    slot = ((*value.slot[0][:-1], value.slot[0][-1] // 2), "float")
    writer.values.extend(Value(f"{name}[{n}]", slot) for n in (0, 1))
    return None


def mask(writer: Writer) -> None:
    tokens = [v for v in writer.values if v.slot[1] == "int"]
    if not tokens:
        return operator(writer)
    value = writer.pick(tokens)
    writer.express(f"ops.not_equal({value.code}, 0)", value, None, (value.slot[0], "bool"))
    return None
