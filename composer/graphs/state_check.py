"""Whether a layer's group of a weights file holds what Keras would read there, and nothing else.

Keras refuses a layer whose group holds another number of variables than it makes, or one of
another shape (``Layer.load_own_variables`` of ``keras/src/layers/layer.py``). It does not look at
groups that no layer claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from composer.container.stored import Listing, StoredGroup, StoredTensor
from composer.errors import FormatError
from composer.graphs.layer_needs import NeededVariable, Needs

RANDOM_STATE: Final = "seed_generator"
"""A group that Keras before 3.15 stored below layers that draw, and that is no weight."""
TRAINING_STATE: Final = frozenset(
    {
        "metrics", "loss_tracker", "compile_metrics",
        "_metrics", "_loss_tracker", "_compile_metrics", "_compile_loss",
    }
)  # fmt: skip
"""Groups of a compiled model, beside those of its layers and its optimiser."""
_OF_MODELS: Final = ("vars", "layers", "optimizer")
_VARIABLES: Final = "vars"
_SHOWN: Final = 5


@dataclass(slots=True)
class StateCheck:
    """Collects what is wrong with the groups of a file.

    Attributes:
        listing: of the file.
        problems: what Keras would refuse, in words.
        ignored: groups with tensors, or tensors, that Keras would not read.
        training: groups with the state of a model's training, but for optimisers.
    """

    listing: Listing
    problems: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    training: list[str] = field(default_factory=list)
    _below: Mapping[str, list[StoredGroup | StoredTensor]] = field(init=False)
    _named: bool = field(init=False)

    def __post_init__(self) -> None:
        below: dict[str, list[StoredGroup | StoredTensor]] = {}
        for entry in self.listing.entries:
            if entry.path:
                below.setdefault(entry.path.rpartition("/")[0], []).append(entry)
        self._below = below
        self._named = any(isinstance(group.attribute("name"), str) for group in self.listing.groups)

    def layer(self, layer: str, group: str, needs: Needs, *, built: bool, legacy: bool) -> None:
        """Check the group of a layer.

        Args:
            layer: its name, in messages.
            group: its path; there need not be one.
            needs: what Keras reads there.
            built: whether the config records what the layer was built with.
            legacy: whether a Keras 2 wrote the file; it did not store all that today's Keras
                reads, and stored some of it in another dtype.
        """
        found = len(self.problems)
        self._check(layer, group, needs, built=built, legacy=legacy)
        if found == len(self.problems):
            self._find_ignored(group, needs)

    def _check(
        self,
        layer: str,
        group: str,
        needs: Needs,
        *,
        built: bool,
        legacy: bool,
        inside: bool = False,
    ) -> None:
        held = self._variables(group)
        if needs.variables is None or (inside and _quantised(held)):
            self._check_unknown(layer, group, held, needs, built=built, legacy=legacy)
        else:
            self._check_variables(layer, held, needs.variables, legacy=legacy)
        for part in needs.parts:
            path = next((path for path in part.paths if self._has(f"{group}/{path}")), None)
            if path is None:
                if part.needs.shared is None:
                    self._check(
                        f"{layer}/{part.paths[0]}", f"{group}/{part.paths[0]}", part.needs,
                        built=False, legacy=legacy, inside=True,
                    )  # fmt: skip
                continue
            self._check(
                f"{layer}/{path}",
                f"{group}/{path}",
                part.needs,
                built=built,
                legacy=legacy,
                inside=True,
            )

    def _check_variables(
        self,
        layer: str,
        held: Mapping[str, StoredTensor],
        needed: tuple[NeededVariable, ...],
        *,
        legacy: bool,
    ) -> None:
        for index, variable in enumerate(needed):
            tensor = held.get(str(index))
            if tensor is None:
                self.problems.append(f"layer {layer!r} lacks its {variable.name} (vars/{index})")
            elif not fits(tensor.shape, variable):
                self.problems.append(
                    f"the {variable.name} of layer {layer!r} has the shape {tensor.shape}, and "
                    f"its config asks for {shape_text(variable)}"
                )
            elif not legacy and variable.dtype not in (None, tensor.logical_dtype):
                self.problems.append(
                    f"the {variable.name} of layer {layer!r} is {tensor.logical_dtype}, and its "
                    f"config asks for {variable.dtype}"
                )
        extra = sorted(set(held) - {str(index) for index in range(len(needed))})
        if extra:
            self.problems.append(
                f"layer {layer!r} has {len(needed) or 'no'} variables, and the file holds "
                f"{', '.join(f'vars/{key}' for key in extra[:_SHOWN])} for it as well"
            )

    def _check_unknown(
        self,
        layer: str,
        group: str,
        held: Mapping[str, StoredTensor],
        needs: Needs,
        *,
        built: bool,
        legacy: bool,
    ) -> None:
        """Check what holds for every layer: its group is there, and its variables are numbered."""
        if needs.closed:
            if needs.some and not held:
                self.problems.append(f"layer {layer!r} lacks its variables")
            self._check_numbers(layer, group)
            return
        if self._named and built and not legacy and not self._has(_below(group, _VARIABLES)):
            self.problems.append(
                f"layer {layer!r} has no group of variables at {_below(group, _VARIABLES)}"
            )
        for path in self._all_variables(group):
            self._check_numbers(layer, path.removesuffix(_VARIABLES).rstrip("/"))
        for path in self.hollow(group):
            self.problems.append(f"{path}, below layer {layer!r}, is an empty group")

    def _all_variables(self, group: str) -> Iterator[str]:
        for entry in self.listing.subtree(group):
            if isinstance(entry, StoredGroup) and entry.path.rpartition("/")[2] == _VARIABLES:
                yield entry.path

    def _check_numbers(self, layer: str, group: str) -> None:
        """Check that the variables of a group are numbered without a gap, where they are."""
        held = self._variables(group)
        if all(key.isdigit() for key in held):
            for index in range(len(held)):
                if str(index) not in held:
                    place = _below(group, _VARIABLES)
                    self.problems.append(f"layer {layer!r} lacks its variable {place}/{index}")
                    return

    def hollow(self, group: str) -> Iterator[str]:
        """Yield the groups below one that hold nothing. Keras makes none but ``vars``."""
        for entry in self.listing.subtree(group):
            last = entry.path.rpartition("/")[2]
            empty = isinstance(entry, StoredGroup) and entry.path not in self._below
            if empty and last != _VARIABLES:
                yield entry.path

    def own_variables(self, model: str, group: str, *, refused: bool) -> None:
        """Check that a model has no variables of its own, beside those of its layers."""
        held = self._variables(group)
        place = _below(group, _VARIABLES)
        if held and refused:
            self.problems.append(
                f"model {model!r} has no variables of its own, and the file holds "
                f"{', '.join(f'{place}/{key}' for key in sorted(held)[:_SHOWN])}"
            )
        elif held:
            self.ignored.append(place)

    def unclaimed(self, container: str, claimed: set[str]) -> None:
        """Note the groups of layers that are no layer's."""
        for entry in self._below.get(container, ()):
            if entry.path not in claimed and self._tensors(entry.path):
                self.ignored.append(entry.path)

    def beside_layers(self, group: str) -> None:
        """Note what lies beside the layers of a model and is no state of its training."""
        for entry in self._below.get(group, ()):
            last = entry.path.rpartition("/")[2]
            if last in _OF_MODELS or not self._tensors(entry.path):
                continue
            (self.training if last in TRAINING_STATE else self.ignored).append(entry.path)

    def _find_ignored(self, group: str, needs: Needs) -> None:
        if not needs.closed:
            return
        parts = {path.split("/")[0]: None for part in needs.parts for path in part.paths}
        for entry in self._below.get(group, ()):
            last = entry.path.rpartition("/")[2]
            if last not in (_VARIABLES, RANDOM_STATE, *parts) and self._tensors(entry.path):
                self.ignored.append(entry.path)
        for part in needs.parts:
            for path in part.paths:
                self._find_ignored(f"{group}/{path}", part.needs)

    def _variables(self, group: str) -> dict[str, StoredTensor]:
        place = _below(group, _VARIABLES)
        return {
            entry.path.rpartition("/")[2]: entry
            for entry in self._below.get(place, ())
            if isinstance(entry, StoredTensor)
        }

    def _has(self, path: str) -> bool:
        return self.listing.find(path) is not None

    def _tensors(self, path: str) -> bool:
        return any(isinstance(entry, StoredTensor) for entry in self.listing.subtree(path))

    def refuse(self) -> None:
        """Raise what was found.

        Raises:
            FormatError: ``CMP536``.
        """
        if self.problems:
            raise FormatError("CMP536.contradiction", problems=tuple(self.problems))


def _below(group: str, name: str) -> str:
    return f"{group}/{name}" if group else name


def _quantised(held: Mapping[str, StoredTensor]) -> bool:
    """Tell whether the variables are those of a quantised layer.

    A layer that makes its parts by itself, such as MultiHeadAttention, does not record that they
    were quantised. Keras would not load that, and another check says so (CMP509).
    """
    return any(tensor.logical_dtype in ("int8", "uint8") for tensor in held.values())


def fits(shape: tuple[int, ...], variable: NeededVariable) -> bool:
    """Tell whether a variable can have a shape, as far as the variable's own is known."""
    if variable.shape is None:
        return True
    return len(shape) == len(variable.shape) and all(
        wanted is None or wanted == found
        for found, wanted in zip(shape, variable.shape, strict=True)
    )


def shape_text(variable: NeededVariable) -> str:
    """Return the shape of a variable as Python writes it, with a question mark for what is open."""
    sizes = ["?" if size is None else str(size) for size in variable.shape or ()]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
