"""Whether the weights that a source holds fit the layer that Keras would build today."""

from __future__ import annotations

from collections.abc import Sequence

from composer.graphs.model_file import StoredVariable
from composer.resolver.facts import OwnedVariable


def weights_that_differ(
    held: Sequence[StoredVariable], needed: Sequence[OwnedVariable]
) -> str | None:
    """Return in words what does not fit, or None where all does.

    Args:
        held: the variables of a layer in its source.
        needed: those that Keras makes for what comes in now.
    """
    held = [variable for variable in held if not _is_seed(variable)]
    needed = [v for v in needed if not _is_seed(v) and not _is_adapter(v)]
    if sorted(v.shape for v in held) == sorted(v.shape for v in needed):
        return None
    return _differences(held, needed)


def _is_seed(variable: StoredVariable | OwnedVariable) -> bool:
    """Tell the state of a SeedGenerator from a weight: Keras 3.15 makes it and does not save it.

    Earlier releases of Keras 3 saved it below the layer (``seed_generator/vars/0``). Source:
    ``SeedGenerator`` in ``keras/src/random/seed_generator.py``.
    """
    if isinstance(variable, OwnedVariable):
        return variable.path.endswith("seed_generator_state")
    integer = variable.dtype.startswith(("int", "uint"))
    return integer and variable.shape == (2,) and not variable.path.startswith("vars/")


def _is_adapter(variable: OwnedVariable) -> bool:
    """Tell whether a variable is a LoRA factor, which Keras adds to the kernel when it saves.

    Source: ``save_own_variables`` of ``keras/src/layers/core/dense.py`` and its like.
    """
    return variable.path.rpartition("/")[2].startswith("lora_")


def _differences(held: Sequence[StoredVariable], needed: Sequence[OwnedVariable]) -> str:
    if len(held) != len(needed):
        return f"it needs {len(needed)} variables and the source holds {len(held)}"
    found = [
        f"{want.path.rsplit('/', 1)[-1]} needs {want.shape} and the source holds {have.shape}"
        for have, want in zip(held, needed, strict=True)
        if have.shape != want.shape
    ]
    return "; ".join(found[:3]) or "the shapes of its variables differ"
