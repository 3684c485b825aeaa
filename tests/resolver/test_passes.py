"""Every pass over the test specs, with what has to hold after each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from composer.graphs.graph import leaves
from composer.graphs.order import operation_order
from composer.resolver import passes
from composer.resolver.facts import Answer, Fact
from composer.resolver.joined import MISSING
from composer.resolver.link import Link
from composer.resolver.passes import PASSES, Check
from composer.resolver.resolve import inferred, joined, planned, resolve
from composer.resolver.seams import is_known
from composer.resolver.tensor_references import JoinedTensor, Step
from composer.sources.context import Context
from composer.sources.open_sources import open_sources
from composer.sources.remote.fetching import Fetcher
from composer.spec import read_spec
from composer.spec.boundary import ANYWHERE
from composer.spec.model import SourceInput
from composer.store import Store

PLANS = Path(__file__).parent / "plans"

BROKEN = {
    "cut": "sources: {t: {from: models/tower.keras, exclude: [conv1]}}\n",
    "dead": "sources: {t: {from: models/tower.keras, exclude: [convx]}}\n",
    "unknown": "sources: {t: {from: models/tower.keras}}\noutputs: [t, 't:convx']\n",
    "collision": "sources: {t: {from: models/tower.keras}, u: {from: models/tower.keras}}\n",
    "missing": "sources: {t: {from: models/tower.keras}, u: {from: models/none.keras}}\n",
    "nothing": "inputs: {x: {shape: [4]}}\n",
    "twice": "sources: {t: {from: models/tower.keras}}\noutputs: [t, t]\n",
    "circle": (
        "sources: {t: {from: models/tower.keras}}\n"
        "layers: {a: {class: Dense, args: {units: 2}, inputs: b}, "
        "b: {class: Dense, args: {units: 2}, inputs: a}}\n"
    ),
    "shape": (
        "inputs: {x: {shape: [4, 4, 3]}}\nsources: {t: {from: models/tower.keras, inputs: x}}\n"
    ),
}


@pytest.fixture
def started(models: Path, tmp_path: Path) -> Callable[[str], Link]:
    """Return what begins a link: a spec with its files open."""
    (tmp_path / "models").symlink_to(models)

    def start(text: str) -> Link:
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        spec, _ = read_spec(path)
        assert spec is not None
        store = Store(tmp_path / "store")
        context = Context(
            store=store,
            fetcher=Fetcher(store=store, offline=True),
            seed=spec.seed,
            may_import=False,
            boundary=ANYWHERE,
        )
        return Link(spec=spec, files=open_sources(spec, context).files)

    return start


# ---------------------------------------------------------------- what holds


def every_piece_has_the_calls_that_are_kept(link: Link) -> None:
    assert list(link.pieces) == [s.id for s in link.spec.sources if s.id in link.files]
    for piece in link.pieces.values():
        operations = piece.topology.operations
        calls = {call for name in operations for call in piece.topology.calls_of(name)}
        assert piece.selection.calls <= calls
        assert piece.selection.kept == {name for name, _ in piece.selection.calls}


def every_tensor_that_is_taken_is_settled(link: Link) -> None:
    for piece in link.pieces.values():
        assert piece.uses
        for use in piece.uses:
            taken = {
                tensor.ref
                for name, number in piece.selection.calls
                for call in piece.topology.operations[name].calls[number : number + 1]
                for tensor in call.tensors()
            }
            assert use.tensors.keys() <= taken
            assert not use.sound or use.tensors.keys() == taken
            for settled in use.tensors.values():
                kept = isinstance(settled, SourceInput) or (
                    (settled.operation, settled.call) in piece.selection.calls
                )
                assert kept


def every_operation_that_goes_in_has_a_name(link: Link) -> None:
    for piece in link.pieces.values():
        layers = {n for n, op in piece.topology.operations.items() if op.kind != "input"}
        assert piece.names.keys() & layers == piece.selection.kept & layers
        for use in piece.uses:
            assert set(use.inputs) <= piece.names.keys()


def every_tensor_is_one_of_the_graph(link: Link) -> None:
    graph = link.joined
    for key, operation in graph.operations.items():
        assert operation.key == key
        for tensor in taken_by(link, key):
            producer = graph.operations.get(tensor.ref.key)
            if producer is None:
                assert tensor.ref == MISSING
                assert link.diagnostics or len(link.files) < len(link.spec.sources)
            else:
                assert tensor.ref.step in producer.steps
    assert set(graph.inputs) <= graph.operations.keys()
    assert all(edge.consumer in graph.operations for edge in graph.seams)


def every_call_follows_what_it_takes(link: Link) -> None:
    calls = {step for operation in link.joined.operations.values() for step in operation.steps}
    assert set(link.order) in (calls, set())
    assert len(link.order) == len(set(link.order))
    in_order(link)
    if link.whole:
        assert set(link.order) == calls
        taken = [tensor.ref for key in link.joined.operations for tensor in taken_by(link, key)]
        assert MISSING not in taken


def only_what_an_output_depends_on_is_in_order(link: Link) -> None:
    in_order(link)
    assert link.reached == set(link.order)
    assert {ref.key for _, ref in link.joined.outputs} <= {step.key for step in link.order}
    assert not set(link.unreachable) & {step.key for step in link.order}


def the_graph_has_the_ordered_calls_and_no_others(link: Link) -> None:
    every_call_follows_what_it_takes(link)
    by_key: dict[str, list[int]] = {}
    for step in link.order:
        by_key.setdefault(step.key, []).append(link.joined.numbers[step])
    assert by_key.keys() == link.joined.operations.keys()
    assert all(numbers == list(range(len(numbers))) for numbers in by_key.values())
    assert link.joined.numbers.keys() == set(link.order)


def every_tensor_is_known_or_waited_for(link: Link) -> None:
    waiting = {question.id for question in link.inferred.questions}
    assert waiting <= link.joined.operations.keys()
    assert all(is_known(spec) for spec in link.inferred.specs.values())
    if not link.sound or waiting:
        return
    for step in link.order:
        for tensor in taken_by(link, step.key):
            assert tensor.ref in link.inferred.specs


def the_plan_is_in_order_and_every_weight_has_a_place(link: Link) -> None:
    plan = link.plan
    assert plan is not None
    names = [operation.name for operation in plan.graph.operations]
    assert len(names) == len(set(names)) == len(link.joined.operations)
    assert list(operation_order(plan.graph)) == names
    assert list(plan.origins) == names
    layers = [op.name for op in plan.graph.operations if op.kind != "operator"]
    assert [copy.name for copy in plan.states] == layers
    assert len({copy.group for copy in plan.states}) == len(layers)
    refs = [t.ref for op in plan.graph.operations for call in op.calls for t in call.tensors()]
    refs.extend((*leaves(plan.graph.inputs), *leaves(plan.graph.outputs)))
    calls = {op.name: max(1, len(op.calls)) for op in plan.graph.operations}
    assert all(ref.call < calls[ref.operation] for ref in refs)


def the_plan_tells_of_every_source(link: Link) -> None:
    assert link.plan is not None
    assert [source.id for source in link.plan.sources] == [s.id for s in link.spec.sources]


HOLDS: Mapping[str, Callable[[Link], None]] = {
    "select_layers": every_piece_has_the_calls_that_are_kept,
    "cut_sources": every_tensor_that_is_taken_is_settled,
    "name_layers": every_operation_that_goes_in_has_a_name,
    "join_pieces": every_tensor_is_one_of_the_graph,
    "order_calls": every_call_follows_what_it_takes,
    "prune_calls": only_what_an_output_depends_on_is_in_order,
    "number_calls": the_graph_has_the_ordered_calls_and_no_others,
    "infer_shapes": every_tensor_is_known_or_waited_for,
    "write_plan": the_plan_is_in_order_and_every_weight_has_a_place,
    "check_code": the_plan_tells_of_every_source,
}


def taken_by(link: Link, key: str) -> Iterator[JoinedTensor]:
    yield from link.joined.operations[key].tensors()


def in_order(link: Link) -> None:
    """Assert that each call comes after what it takes."""
    seen: set[Step] = set()
    for step in link.order:
        call = link.joined.operations[step.key].calls.get(step.call)
        for tensor in call.tensors() if call is not None else ():
            assert tensor.ref.step in seen or tensor.ref == MISSING
        seen.add(step)


# ---------------------------------------------------------------- the tests


def test_every_pass_says_what_holds_after_it() -> None:
    named = [step.work.__name__ for step in PASSES if not isinstance(step, Check)]
    assert named == list(HOLDS)


TEXTS = {path.stem: path.read_text() for path in sorted(PLANS.glob("*.yaml"))} | {
    name: f"version: 1\nname: {name}\n{text}" for name, text in BROKEN.items()
}


@pytest.mark.parametrize("name", TEXTS)
def test_it_holds_after_each_pass(started: Callable[[str], Link], name: str) -> None:
    link = started(TEXTS[name])
    held = []
    for step in PASSES:
        ran = step.when(link)
        before, link = link, passes.run(link, (step,))
        if isinstance(step, Check):
            found = link.diagnostics[len(before.diagnostics) :]
            assert link == passes.replace(before, diagnostics=(*before.diagnostics, *found))
        elif ran:
            HOLDS[step.work.__name__](link)
            held.append(step.work.__name__)
    assert ("write_plan" in held) == (name not in BROKEN)
    assert bool(link.diagnostics) == (name in BROKEN and name != "missing")


@pytest.mark.parametrize("name", TEXTS)
def test_to_resolve_is_to_do_all_passes(started: Callable[[str], Link], name: str) -> None:
    link = started(TEXTS[name])
    resolution = resolve(link.spec, link.files, facts={}, downloads={})
    done = passes.run(link, PASSES)
    assert resolution.diagnostics == done.diagnostics
    assert resolution.questions == done.inferred.questions
    assert (resolution.plan is None) == (name in BROKEN)
    assert resolution.plan is None or resolution.plan == done.plan


def test_a_fact_finds_errors_beside_others(started: Callable[[str], Link]) -> None:
    """What Keras once said is used for a spec with errors too, and changes no earlier pass."""
    link = joined_of(
        started(
            "version: 1\nname: two\n"
            "inputs: {x: {shape: [8]}}\n"
            "sources: {t: {from: models/tower.keras, inputs: made, exclude: [nothing]}}\n"
            "layers: {made: {class: 'own:Layer', args: {}, inputs: x}}\noutputs: t\n"
        )
    )
    before = link.diagnostics
    draft = planned(inferred(link, {}))
    assert [found.code for found in draft.diagnostics if found.severity == "error"] == ["CMP401"]
    assert "made" in {question.id for question in draft.questions}
    answered = planned(inferred(link, {"made": Answer(Fact(error="no such class"))}))
    codes = [found.code for found in answered.diagnostics if found.severity == "error"]
    assert codes == ["CMP401", "CMP410"]
    assert answered.plan is None
    assert link.diagnostics == before
    assert planned(inferred(link, {})) == draft


def joined_of(link: Link) -> Link:
    return joined(link.spec, link.files, {})
