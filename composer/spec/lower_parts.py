"""The parts of a spec, lowered one by one: sources, layers and outputs with their references."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, SpecPath
from composer.diagnostics.suggest import certain, did_you_mean
from composer.spec.layer_arguments import CheckedArguments, check_layer
from composer.spec.model import (
    LayerCall,
    NewLayer,
    Outputs,
    Reference,
    RenameRule,
    Selector,
    Source,
    SourceCall,
    SourceInput,
    SourceWeights,
)
from composer.spec.positions import TreePositions
from composer.spec.references import (
    is_long_form,
    long_reference,
    parse_reference,
    parse_target,
)
from composer.spec.refused import RefusedError
from composer.spec.selectors import (
    check_replacement,
    parse_selector,
    regex_pattern,
)
from composer.spec.tree import path_text


class Parts:
    """Lowers the parts of one spec and collects what is wrong with them.

    Attributes:
        diagnostics: the problems found so far.
        bad: ids of the inputs, sources and layers that have one.
    """

    def __init__(
        self, data: Mapping[str, Any], positions: TreePositions, known: Mapping[str, SpecPath]
    ) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.bad: dict[str, None] = {}
        self._data = data
        self._positions = positions
        self._known = known

    # ------------------------------------------------------------ sources

    def source(self, key: str, directory: Path, weights: Path | None = None) -> Source:
        """Return the source ``key``.

        Args:
            key: its id.
            directory: what its relative path belongs to.
            weights: what the relative path of its weights belongs to.
        """
        data = self._data["sources"][key]
        path: SpecPath = ("sources", key)
        include = data.get("include")
        digest = data.get("sha256")
        return Source(
            id=key,
            location=data["from"],
            directory=directory,
            args=data.get("args", {}),
            sha256=digest.lower() if digest else None,
            license=data.get("license"),
            weights=_weights(data.get("weights"), weights or directory),
            prefix=data.get("prefix", ""),
            suffix=data.get("suffix", ""),
            rename=self._rename(data.get("rename", {}), (*path, "rename")),
            include=None if include is None else self._selectors(include, (*path, "include")),
            exclude=self._selectors(data.get("exclude", ()), (*path, "exclude")),
            bypass=self._selectors(data.get("bypass", ()), (*path, "bypass")),
            inputs=self._wires(data["inputs"], (*path, "inputs")) if "inputs" in data else (),
            calls=tuple(
                SourceCall(
                    id=call,
                    inputs=self._wires(value["inputs"], (*path, "calls", call, "inputs")),
                    path=(*path, "calls", call),
                )
                for call, value in data.get("calls", {}).items()
            ),
            nested=data.get("nested"),
            flatten=data.get("flatten", False),
            trainable=data.get("trainable"),
            freeze=self._selectors(data.get("freeze", ()), (*path, "freeze")),
            unfreeze=self._selectors(data.get("unfreeze", ()), (*path, "unfreeze")),
            objects=tuple(data.get("objects", ())),
            trust=data.get("trust", False),
        )

    def _selectors(self, items: Any, path: SpecPath) -> tuple[Selector, ...]:
        found = []
        for index, item in enumerate(items):
            try:
                found.append(parse_selector(item, (*path, index)))
            except RefusedError as error:
                self._pattern(error, (*path, index))
        return tuple(found)

    def _rename(self, data: Any, path: SpecPath) -> tuple[RenameRule, ...]:
        if isinstance(data, Mapping):
            return tuple(
                RenameRule(pattern=old, to=new, regex=False, path=(*path, old))
                for old, new in data.items()
            )
        found = []
        for index, rule in enumerate(data):
            here = (*path, index)
            try:
                regex_pattern(rule["regex"])
            except RefusedError as error:
                self._pattern(error, (*here, "regex"))
                continue
            try:
                check_replacement(rule["regex"], rule["to"])
            except RefusedError as error:
                self._pattern(error, (*here, "to"))
                continue
            found.append(RenameRule(pattern=rule["regex"], to=rule["to"], regex=True, path=here))
        return tuple(found)

    def _wires(self, data: Any, path: SpecPath) -> tuple[SourceInput, ...]:
        if isinstance(data, str) or is_long_form(data):
            reference = self._reference(data, path)
            if reference is None:
                return ()
            return (SourceInput(target=None, reference=reference, path=path),)
        found = []
        for key, value in data.items():
            here = (*path, key)
            target, node, output = parse_target(key)
            reference = self._reference(value, here)
            if reference is not None:
                found.append(
                    SourceInput(
                        target=target, reference=reference, node=node, output=output, path=here
                    )
                )
        return tuple(found)

    # ------------------------------------------------------------ layers

    def layer(self, key: str) -> NewLayer:
        """Return the new layer ``key``."""
        data = self._data["layers"][key]
        path: SpecPath = ("layers", key)
        if "name" in data.get("args", {}):
            self._name_in_args((*path, "args", "name"), key)
        if key in self.bad and "args" not in data:
            # They were taken out, since they can't be read: what they lack is not known.
            checked = CheckedArguments(args={})
        else:
            checked = check_layer(key, data, self._positions)
        self.diagnostics.extend(checked.diagnostics)
        if not checked.is_usable:
            self.bad[key] = None
        shared = data.get("call", {})
        if "inputs" in data:
            calls = [self._call(None, data["inputs"], shared, (*path, "inputs"), path)]
        else:
            calls = [
                self._call(
                    call,
                    value["inputs"],
                    {**shared, **value.get("call", {})},
                    (*path, "calls", call, "inputs"),
                    (*path, "calls", call),
                )
                for call, value in data["calls"].items()
            ]
        return NewLayer(
            id=key,
            class_name=data["class"],
            args=checked.args,
            calls=tuple(call for call in calls if call is not None),
            unchecked=checked.unchecked,
        )

    def _call(
        self,
        key: str | None,
        inputs: Any,
        arguments: Mapping[str, Any],
        inputs_path: SpecPath,
        path: SpecPath,
    ) -> LayerCall | None:
        references: Reference | tuple[Reference, ...] | Mapping[str, Reference] | None
        if isinstance(inputs, str) or is_long_form(inputs):
            references = self._reference(inputs, inputs_path)
            if references is None:
                return None
        elif isinstance(inputs, Mapping):
            references = dict(self._named(inputs, inputs_path))
        else:
            references = tuple(reference for _, reference in self._listed(inputs, inputs_path))
        return LayerCall(id=key, inputs=references, arguments=arguments, path=path)

    def _name_in_args(self, path: SpecPath, key: str) -> None:
        self._report(
            "CMP208",
            path,
            f"'name' is no argument of a new layer: its name is its key, '{key}'",
            "remove 'name', or rename the key",
            span=self._positions.key(path),
        )

    # ------------------------------------------------------------ outputs

    def outputs(self) -> Outputs:
        """Return what the result puts out."""
        data = self._data.get("outputs")
        path: SpecPath = ("outputs",)
        if data is None:
            return Outputs(form="default")
        if isinstance(data, str) or is_long_form(data):
            reference = self._reference(data, path)
            if reference is None:
                return Outputs(form="default")
            return Outputs(form="single", references=((None, reference),))
        if isinstance(data, Mapping):
            if "" in data:
                self._report(
                    "CMP206",
                    (*path, ""),
                    "an output has no name: its key is empty text",
                    "for example: outputs: {probs: …}",
                    span=self._positions.key((*path, "")),
                )
            return Outputs(form="dict", references=self._named(data, path))
        return Outputs(form="list", references=self._listed(data, path))

    # ------------------------------------------------------------ references

    def _named(self, data: Mapping[str, Any], path: SpecPath) -> tuple[tuple[str, Reference], ...]:
        pairs = ((key, self._reference(value, (*path, key))) for key, value in data.items())
        return tuple((key, reference) for key, reference in pairs if reference is not None)

    def _listed(self, data: Any, path: SpecPath) -> tuple[tuple[None, Reference], ...]:
        found = (self._reference(value, (*path, index)) for index, value in enumerate(data))
        return tuple((None, reference) for reference in found if reference is not None)

    def _reference(self, data: Any, path: SpecPath) -> Reference | None:
        """Return the reference at ``path`` when it names something that takes it."""
        if not isinstance(data, str):
            reference = long_reference(data, path)
        else:
            try:
                reference = parse_reference(data, path)
            except RefusedError as error:
                fix = () if error.meant is None else self._positions.replaced(path, error.meant)
                self._report(error.code, path, error.message, error.help, fix=fix)
                return None
        target = self._known.get(reference.name)
        if target is None:
            self._unknown_name(reference, path)
            return None
        if reference.name in self.bad:
            return reference
        if reference.layer is not None and target[0] != "sources":
            what = "a model input" if target[0] == "inputs" else "a new layer"
            self._report(
                "CMP223",
                path,
                f"'{reference}' names a layer of '{reference.name}', which is {what}",
                f"only a source has layers to name; write {reference.name}",
                notes=self._set_here(target),
            )
            return None
        return reference if self._call_fits(reference, target, path) else None

    def _call_fits(self, reference: Reference, target: SpecPath, path: SpecPath) -> bool:
        if reference.call is None:
            return True
        entry = self._data.get(str(target[0]), {}).get(reference.name)
        calls = entry.get("calls", {}) if entry is not None else {reference.call: None}
        if reference.call in calls:
            return True
        where = path_text(target)
        if calls:
            message = f"'{where}' has no call '{reference.call}'"
            help_ = did_you_mean(reference.call, calls) or f"it has {', '.join(calls)}"
        else:
            message = f"'{where}' has no 'calls', so none can be picked with '@{reference.call}'"
            help_ = f"give it calls, or leave '@{reference.call}' out"
        self._report("CMP223", path, message, help_, notes=self._set_here(target))
        return False

    def _unknown_name(self, reference: Reference, path: SpecPath) -> None:
        name = reference.name
        meant = certain(name, self._known)
        help_ = did_you_mean(name, self._known)
        if help_ is None:
            listed = ", ".join(list(self._known)[:8]) or "none yet"
            help_ = f"inputs, sources and layers are: {listed}"
        fix: tuple[Edit, ...] = ()
        span = self._positions.value(path)
        if meant and self._lists(path[:-1], meant):
            # Twice the same is hardly what was meant.
            help_, meant = f"did you mean '{meant}'? The list has it already", None
        # The text under the span may be an interpolation or quoted: edit only what is plain.
        if meant and span and span.text and span.line == span.end_line:
            written = span.text[0][span.column - 1 : span.end_column - 1]
            if written == str(reference):
                fix = (Edit(span=span, replacement=meant + written[len(name) :]),)
        self._report(
            "CMP222",
            path,
            f"nothing is called '{name}': it is neither a model input nor a source nor a new layer",
            help_,
            fix=fix,
        )

    def _lists(self, path: SpecPath, item: str) -> bool:
        """Whether there is a list at ``path`` that has ``item`` in it."""
        found: Any = self._data
        for step in path:
            found = found[step]
        return isinstance(found, list) and item in found

    def _set_here(self, target: SpecPath) -> tuple[Note, ...]:
        return (Note(message=f"'{target[-1]}' is set here", span=self._positions.key(target)),)

    # ------------------------------------------------------------ reports

    def _pattern(self, error: RefusedError, path: SpecPath) -> None:
        self._report(error.code, path, error.message, error.help)

    def _report(
        self, code: str, path: SpecPath, message: str, help_: str | None, **more: Any
    ) -> None:
        """Add a problem; ``more`` is that of :meth:`TreePositions.problem`."""
        self.diagnostics.append(self._positions.problem(code, path, message, help_, **more))
        if path[0] in {"sources", "layers"}:
            self.bad[str(path[1])] = None


def _weights(data: Any, directory: Path) -> SourceWeights | None:
    if data is None:
        return None
    if isinstance(data, str):
        return SourceWeights(file=data, directory=directory)
    digest = data.get("sha256")
    return SourceWeights(
        file=data["file"],
        directory=directory,
        sha256=digest.lower() if digest else None,
        by=data.get("by", "order"),
    )
