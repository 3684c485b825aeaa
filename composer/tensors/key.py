"""The key of an expression: a digest of all that decides its bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from composer.files.keys import key_of
from composer.tensors.expression import (
    Cast,
    Combine,
    Join,
    Merge,
    Product,
    Stored,
    Take,
    TensorExpr,
    Zeros,
    walk,
)


def key(expression: TensorExpr, digest: Callable[[Path], str]) -> str:
    """Return the SHA-256 that names what an expression gives, on any machine.

    Args:
        expression: of any kind.
        digest: of a file that it is made from: of its bytes, or of its content; keys are as exact
            as that is.

    Returns:
        64 hexadecimal digits. Equal keys mean equal bytes; equal bytes may have several keys.
    """
    keys: dict[int, str] = {}
    for node in walk(expression):
        document = [*_own(node, digest), *(keys[id(operand)] for operand in node.operands)]
        keys[id(node)] = key_of(document)
    return keys[id(expression)]


def _own(node: TensorExpr, digest: Callable[[Path], str]) -> list[Any]:
    match node:
        case Stored():
            return ["stored", digest(node.source.path), node.source.tensor.path]
        case Zeros():
            return ["zeros", node.shape, node.dtype]
        case Cast():
            return ["cast", node.to]
        case Take():
            return ["take", node.axis, node.indices]
        case Join():
            return ["join", node.axis]
        case Combine():
            return ["combine", node.axis, node.terms]
        case Product():
            return ["product"]
        case Merge():
            return ["merge", node.method.name, node.method.version, node.parameters]
