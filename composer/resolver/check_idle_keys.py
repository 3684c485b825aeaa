"""Keys of a spec that are understood and change nothing: a warning each (CMP306).

One rule for all of them: a name or a pattern that finds nothing is an error, since it is probably
misspelled; what is found and makes no difference is a warning, since the result is what it would be
without it. A key that says what is so anyway by default (``flatten: false``) is no idle key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import Operation
from composer.graphs.model_file import ModelFile
from composer.resolver.link import Link
from composer.resolver.name_layers import default_name
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems
from composer.resolver.tensor_references import Step
from composer.resolver.trainable_flags import with_flag
from composer.spec.affixes import unaffixed
from composer.spec.model import Selector, Source
from composer.spec.selectors import regex_pattern
from composer.spec.source_forms import draws_seed, is_spec

_SHOWN = 3


def check_idle_keys(link: Link, problems: Problems) -> None:
    """Report every key of a spec without errors that has no effect (CMP306)."""
    spec, reached = link.spec, link.reached
    for piece in link.pieces.values():
        at = ("sources", piece.source.id)
        for key, why in _of_source(piece, link.files[piece.source.id], reached):
            _report((*at, *key), why, problems)
    for layer in spec.layers:
        for number, call in enumerate(layer.calls):
            if len(layer.calls) > 1 and Step(layer.id, number) not in reached:
                if all(Step(layer.id, other) not in reached for other in range(len(layer.calls))):
                    break  # the whole layer is left out, which CMP417 says
                _report(call.path, "no output depends on this call", problems)
    if spec.seed and not spec.layers and not any(map(_is_random, spec.sources)):
        _report(("seed",), "no layer is made and no source is imported by it", problems)


def _is_random(source: Source) -> bool:
    return draws_seed(source) or is_spec(source)


def _report(path: SpecPath, why: str, problems: Problems) -> None:
    name = next(str(step) for step in reversed(path) if isinstance(step, str))
    problems.add(
        "CMP306",
        path,
        f"{name!r} has no effect: {why}",
        at_key=True,
        severity="warning",
        help="remove it; the result is the same without",
    )


Idle = tuple[SpecPath, str]
"""A key below a source, and why it has no effect."""


def _of_source(piece: Piece, file: ModelFile, reached: AbstractSet[Step]) -> Iterator[Idle]:
    yield from _names(piece)
    yield from _kept(piece)
    yield from _bypass(piece)
    yield from _flags(piece)
    yield from _calls(piece, reached)
    source = piece.source
    if source.flatten and not file.inlined:
        yield ("flatten",), "the source has no nested models"
    for index, target in enumerate(source.objects):
        if not _mentions(file, target.rpartition(":")[2]):
            yield ("objects", index), f"nothing in the source is of the class {target!r}"


# ---------------------------------------------------------------- names


def _names(piece: Piece) -> Iterator[Idle]:
    source = piece.source
    alone = unaffixed(source)
    open_names = [name for name in piece.names if name not in alone]
    for key, affix in (("prefix", source.prefix), ("suffix", source.suffix)):
        if affix and not open_names:
            why = (
                f"'nested' gives the whole name, {source.nested!r}"
                if source.nested is not None
                else "every layer is renamed by an exact rule, which wins over it"
            )
            yield (key,), why
    for index, rule in enumerate(source.rename):
        if not rule.regex:
            same = rule.pattern in piece.names and rule.to == default_name(source, rule.pattern)
            if same:
                yield ("rename", rule.pattern), f"the layer would be named {rule.to!r} anyway"
            continue
        pattern = regex_pattern(rule.pattern)
        found = [name for name in open_names if pattern.fullmatch(name)]
        if found and all(piece.names[name] == default_name(source, name) for name in found):
            yield ("rename", index), f"{_list(found)} would be named so anyway"


# ---------------------------------------------------------------- selectors


def _kept(piece: Piece) -> Iterator[Idle]:
    source, topology, selection = piece.source, piece.topology, piece.selection
    if source.include is None:
        return
    feeding = frozenset((name, 0) for name in topology.inputs)
    idle = False
    for index, selector in enumerate(source.exclude):
        found = selection.found.get(selector, frozenset())
        if found and not found & (selection.included | feeding):
            idle = True
            names = _list(selection.names(selector))
            yield ("exclude", index), f"include leaves out {names} already"
    # Where both say the same, one of them is enough, and so is telling one.
    # A list of names says what is taken, also when the source has more layers one day.
    known = topology.operations
    listed = all(one.kind == "glob" and one.pattern in known for one in source.include)
    everything = frozenset().union(*map(topology.calls_of, topology.operations))
    if not idle and not listed and selection.calls == everything - selection.named:
        yield ("include",), "it leaves nothing out"


def _bypass(piece: Piece) -> Iterator[Idle]:
    bypassed = frozenset(name for use in piece.uses for name in use.bypassed)
    for index, selector in enumerate(piece.source.bypass):
        found = piece.selection.names(selector)
        # What is kept is told by CMP402.
        if found and found - piece.selection.kept and not found & bypassed:
            yield ("bypass", index), f"nothing kept takes what {_list(found)} gave"


# ---------------------------------------------------------------- flags


def _flags(piece: Piece) -> Iterator[Idle]:
    source = piece.source
    layers = {
        name: piece.topology.operations[name]
        for name in piece.names
        if piece.topology.operations[name].kind == "layer"
    }
    lists: tuple[tuple[str, tuple[Selector, ...]], ...] = (
        ("freeze", source.freeze),
        ("unfreeze", source.unfreeze),
    )
    for key, selectors in lists:
        gone = set()
        for index, selector in enumerate(selectors):
            found = piece.selection.names(selector)
            if found and not found & layers.keys():
                gone.add(index)
                yield (
                    (key, index),
                    f"{_list(found)} {_is(found)} not among the layers that are kept",
                )
        if selectors and len(gone) < len(selectors) and not _changes(piece, layers, key):
            yield (key,), "the flags of these layers are so without it"
    if source.trainable is not None and not _changes(piece, layers, "trainable"):
        yield ("trainable",), "the flags of all layers are so without it"


def _changes(piece: Piece, layers: Mapping[str, Operation], key: str) -> bool:
    """Tell whether any layer has another flag for one of the three keys."""
    for name, operation in layers.items():
        wanted = [_wanted(piece, name, without) for without in ("", key)]
        if wanted[0] != wanted[1] and len({_dumped(operation, flag) for flag in wanted}) > 1:
            return True
    return False


def _wanted(piece: Piece, name: str, without: str) -> bool | None:
    wanted = None if without == "trainable" else piece.source.trainable
    if without != "freeze" and name in piece.selection.frozen:
        wanted = False
    if without != "unfreeze" and name in piece.selection.unfrozen:
        wanted = True
    return wanted


def _dumped(operation: Operation, flag: bool | None) -> str:  # noqa: FBT001
    config: Any = operation.config if flag is None else with_flag(operation.config, flag)
    return json.dumps(config, sort_keys=True, default=str)


# ---------------------------------------------------------------- calls and objects


def _calls(piece: Piece, reached: AbstractSet[Step]) -> Iterator[Idle]:
    if len(piece.uses) < 2:  # noqa: PLR2004
        return
    used = [
        any(
            Step(piece.key(name), use * len(piece.topology.operations[name].calls) + call)
            in reached
            for name in piece.names
            for call in range(len(piece.topology.operations[name].calls))
        )
        for use in range(len(piece.uses))
    ]
    for use, is_used in zip(piece.uses, used, strict=True):
        # Where none is, CMP417 says it of the source.
        if not is_used and any(used) and use.id is not None:
            yield ("calls", use.id), "no output depends on this call"


def _mentions(file: ModelFile, class_name: str) -> bool:
    for operation in file.graph.operations:
        if operation.class_name == class_name or class_name in str(operation.registered_name):
            return True
        if class_name in json.dumps([operation.config, operation.build_config], default=str):
            return True
    return not file.graph.operations


def _list(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(repr(name) for name in ordered[:_SHOWN]) + more


def _is(names: AbstractSet[str]) -> str:
    return "are" if len(names) > 1 else "is"
