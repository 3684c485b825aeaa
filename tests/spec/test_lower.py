"""From a checked tree to the frozen types."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path

import pytest

from composer.diagnostics import Diagnostic
from composer.spec import spec_from_text
from composer.spec.model import (
    Destination,
    LayerCall,
    ModelInput,
    Outputs,
    Reference,
    RenameRule,
    Selector,
    SourceInput,
    Spec,
    Target,
)

HEAD = "version: 1\nname: model\n"


def read(text: str, *overrides: str) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    return spec_from_text(HEAD + text, file="s.yaml", directory=Path("d"), overrides=overrides)


def sound(text: str, *overrides: str) -> Spec:
    spec, found = read(text, *overrides)
    assert found == ()
    assert spec is not None
    return spec


def codes(text: str) -> list[str]:
    return [item.code for item in read(text)[1]]


def test_a_source_with_every_key_is_lowered() -> None:
    digest = "AB" * 32
    spec = sound(f"""\
inputs: {{image: {{shape: [null, 4], dtype: int32, batch_size: 2}}}}
sources:
  a:
    from: x.keras
    args: {{k: [1]}}
    sha256: "{digest}"
    license: MIT
    prefix: p_
    suffix: _s
    rename: [{{regex: 'a(\\d)', to: 'b\\1'}}]
    include: [{{upto: z}}]
    exclude: [q*]
    bypass: [{{class: ReLU}}]
    inputs: {{old#1.0: image}}
    nested: n
    flatten: true
    trainable: false
    freeze: [{{regex: 'a.'}}]
    unfreeze: [{{after: q}}]
""")
    (source,) = spec.sources
    path = ("sources", "a")
    assert (source.id, source.location, source.directory) == ("a", "x.keras", Path("d"))
    assert (source.args, source.sha256, source.license) == ({"k": [1]}, digest.lower(), "MIT")
    assert (source.prefix, source.suffix, source.nested) == ("p_", "_s", "n")
    assert (source.flatten, source.trainable) == (True, False)
    assert source.rename == (
        RenameRule(pattern=r"a(\d)", to=r"b\1", regex=True, path=(*path, "rename", 0)),
    )
    assert source.include == (Selector(kind="upto", pattern="z", path=(*path, "include", 0)),)
    assert source.exclude == (Selector(kind="glob", pattern="q*", path=(*path, "exclude", 0)),)
    assert source.bypass == (Selector(kind="class", pattern="ReLU", path=(*path, "bypass", 0)),)
    assert source.freeze[0].kind == "regex"
    assert source.unfreeze[0].kind == "after"
    here = (*path, "inputs", "old#1.0")
    assert source.inputs == (
        SourceInput(
            target="old", node=1, output=0, reference=Reference(name="image", path=here), path=here
        ),
    )
    assert spec.inputs == (ModelInput(id="image", shape=(None, 4), dtype="int32", batch_size=2),)


def test_what_is_left_out_has_its_default() -> None:
    spec = sound("sources: {a: {from: x}}\n")
    (source,) = spec.sources
    assert (source.include, source.exclude, source.trainable) == (None, (), None)
    assert (source.prefix, source.flatten, source.inputs) == ("", False, ())
    anywhere = Target(destinations=(Destination(path=Path("build/model.keras"), format="keras"),))
    assert (spec.seed, spec.target, spec.outputs) == (0, anywhere, Outputs(form="default"))


def test_an_empty_include_is_not_the_same_as_none() -> None:
    assert sound("sources: {a: {from: x, include: []}}\n").sources[0].include == ()


def test_exact_names_are_rules_too() -> None:
    (source,) = sound("sources: {a: {from: x, rename: {old: new}}}\n").sources
    assert source.rename == (
        RenameRule(pattern="old", to="new", regex=False, path=("sources", "a", "rename", "old")),
    )


def test_a_source_wired_by_one_reference_has_no_target() -> None:
    spec = sound("inputs: {i: {shape: [4]}}\nsources: {a: {from: x, inputs: i}}\n")
    (wire,) = spec.sources[0].inputs
    assert (wire.target, wire.reference.name) == (None, "i")


def test_calls_of_sources_and_layers_are_lowered() -> None:
    spec = sound("""\
inputs: {i: {shape: [4]}, j: {shape: [4]}}
sources:
  a: {from: x, calls: {left: {inputs: i}, right: {inputs: {in: j}}}}
layers:
  d:
    class: Odd
    call: {training: false, mask: null}
    calls: {u: {inputs: a@left}, v: {inputs: [a@right:out], call: {training: true}}}
outputs: [d@u, d@v]
""")
    assert [(call.id, call.inputs[0].target) for call in spec.sources[0].calls] == [
        ("left", None),
        ("right", "in"),
    ]
    first, second = spec.layers[0].calls
    assert first == LayerCall(
        id="u",
        inputs=Reference(name="a", call="left", path=("layers", "d", "calls", "u", "inputs")),
        arguments={"training": False, "mask": None},
        path=("layers", "d", "calls", "u"),
    )
    assert second.arguments == {"training": True, "mask": None}
    assert isinstance(second.inputs, tuple)


@pytest.mark.parametrize(
    ("text", "form", "keys"),
    [
        ("a", "single", [None]),
        ("{source: a, layer: x}", "single", [None]),
        ("[a, 'a:x']", "list", [None, None]),
        ("{p: a, q: {source: a}}", "dict", ["p", "q"]),
        ("{source: {source: a}}", "dict", ["source"]),
    ],
)
def test_outputs_have_four_forms(text: str, form: str, keys: list[str | None]) -> None:
    outputs = sound(f"sources: {{a: {{from: x}}}}\noutputs: {text}\n").outputs
    assert outputs.form == form
    assert [key for key, _ in outputs.references] == keys


def test_inputs_of_a_layer_have_three_forms() -> None:
    spec = sound("""\
sources: {a: {from: x}}
layers:
  one: {class: Flatten, inputs: a}
  list: {class: Add, inputs: [a]}
  named: {class: MHA, inputs: {query: a, value: 'a:x'}}
""")
    one, listed, named = (layer.calls[0].inputs for layer in spec.layers)
    assert isinstance(one, Reference)
    assert isinstance(listed, tuple)
    assert isinstance(named, dict)
    assert list(named) == ["query", "value"]


def test_the_target_is_relative_to_the_spec() -> None:
    spec = sound("output: {path: ../out/m.keras, signature: dict}\n")
    place = Destination(path=Path("d/../out/m.keras"), format="keras")
    assert spec.target == Target(destinations=(place,), directory=Path("d"), signature="dict")


def test_an_override_of_the_target_is_relative_to_where_the_command_runs() -> None:
    spec = sound("output: {path: a.keras}\n", "output.path=b.keras")
    (place,) = spec.target.destinations
    assert normpath(place.path) == "b.keras"


def test_the_resolved_spec_is_what_was_read() -> None:
    spec = sound("vars: {n: 3}\nseed: ${vars.n}\n")
    assert spec.resolved == {"version": 1, "name": "model", "vars": {"n": 3}, "seed": 3}
    assert (spec.name, spec.file) == ("model", "s.yaml")


def test_positions_lead_back_to_the_text() -> None:
    spec = sound("sources: {a: {from: x, exclude: [y, z]}}\n")
    place = spec.positions.value(("sources", "a", "exclude", 1))
    assert place is not None
    assert (place.line, place.column, place.end_column) == (3, 37, 38)


def test_two_specs_with_other_places_are_equal() -> None:
    assert sound("sources: {a: {from: x}}\n") == sound("\n\nsources:\n  a:\n    from: x\n")


# ---------------------------------------------------------------- what is wrong


def test_ids_share_one_name_space() -> None:
    spec, (found,) = read("inputs: {a: {shape: [1]}}\nlayers: {a: {class: D, inputs: a}}\n")
    assert found.code == "CMP220"
    assert found.path == ("layers", "a")
    assert found.notes[0].span is not None
    assert spec is not None
    assert spec.layers == ()
    assert [item.id for item in spec.inputs] == ["a"]


def test_an_unknown_name_is_told_with_the_nearest_and_the_edit() -> None:
    _, (found,) = read("sources: {tower: {from: x}}\noutputs: towr:conv\n")
    assert (found.code, found.help) == ("CMP222", "did you mean 'tower'?")
    assert [edit.replacement for edit in found.fix] == ["tower:conv"]


def test_no_edit_is_offered_where_the_text_is_not_the_reference() -> None:
    _, (found,) = read("vars: {t: towr}\nsources: {tower: {from: x}}\noutputs: ${vars.t}\n")
    assert found.fix == ()
    assert found.notes[0].message == "through ${vars.t}, set here"


@pytest.mark.parametrize("reference", ["i:x", "l:x", "a@x", "l@x", "i@x", "c@z"])
def test_a_reference_must_fit_what_it_names(reference: str) -> None:
    found = codes(
        "inputs: {i: {shape: [1]}}\nsources: {a: {from: x}, c: {from: x, calls: {y: {inputs: i}}}}\n"
        f"layers: {{l: {{class: D, inputs: a}}}}\noutputs: {reference}\n"
    )
    assert found == ["CMP223"]


def test_a_name_among_the_arguments_is_refused_at_its_key() -> None:
    _, (found,) = read(
        "sources: {a: {from: x}}\nlayers: {l: {class: D, args: {name: y}, inputs: a}}\n"
    )
    assert found.code == "CMP208"
    assert found.span is not None
    assert found.span.text[0][found.span.column - 1 :].startswith("name: y")


def test_patterns_are_all_compiled() -> None:
    assert (
        codes(
            "sources:\n  a: {from: x, exclude: ['[a'], freeze: [{regex: '('}],"
            " rename: [{regex: '(', to: x}, {regex: a, to: '\\1'}]}\n"
        )
        == ["CMP209"] * 4
    )


def test_what_refers_to_something_broken_is_left_out_without_a_word() -> None:
    spec, found = read("""\
sources:
  good: {from: x}
  bad: {from: x, trainable: 5}
layers:
  one: {class: D, inputs: bad}
  two: {class: D, inputs: one}
  three: {class: D, inputs: good}
outputs: {p: two, q: three}
""")
    assert [item.code for item in found] == ["CMP203"]
    assert spec is not None
    assert [source.id for source in spec.sources] == ["good"]
    assert [layer.id for layer in spec.layers] == ["three"]
    assert [key for key, _ in spec.outputs.references] == ["q"]


def test_one_typing_error_does_not_hide_the_rest() -> None:
    spec, found = read("sources:\n  a: {from: x, trainble: true}\n  b: {from: x}\n")
    assert [item.code for item in found] == ["CMP201"]
    assert spec is not None
    assert [(source.id, source.trainable) for source in spec.sources] == [("a", True), ("b", None)]


def test_nothing_left_is_no_spec() -> None:
    assert read("sources: {a: {from: 5}}\n")[0] is None
