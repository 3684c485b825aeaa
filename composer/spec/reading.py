"""From a file or a text to a :class:`Spec`: the stages in order, every problem collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.render import ordered
from composer.diagnostics.suggest import start_afresh
from composer.errors import SpecError, UsageError
from composer.spec import extends, indentation, interpolation, lower, schema, yaml_text
from composer.spec.boundary import Boundary, boundary_of
from composer.spec.idle_vars import idle_vars
from composer.spec.model import Spec
from composer.spec.override_paths import beside_spec, seen_from_spec
from composer.spec.overrides import apply as apply_overrides
from composer.spec.source_text import SourceText
from composer.spec.strangers import is_spec
from composer.spec.tree import MapNode, Node


def read_spec(
    path: Path | str, overrides: Sequence[str] = (), *, boundary: Boundary | None = None
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Read the spec at ``path`` and report everything that is wrong with it.

    Args:
        path: a YAML file. Diagnostics name it as it is given here.
        overrides: changes such as ``vars.classes=5``, ``+sources.a.trainable=true`` and
            ``~layers.drop``, applied in order.
        boundary: what files that it extends have to lie in; None is what belongs to its folder.

    Returns:
        The spec, and the diagnostics in the order of the text. Inputs, sources and layers with
        an error are left out of the spec, with all that refers to them, so that later stages
        can judge the rest; the spec is None when nothing is left.

    Raises:
        UsageError: the file can't be read, or is a link to a file elsewhere that is no spec.
    """
    file = Path(path)
    boundary = boundary or boundary_of(file.parent)
    try:
        data = extends.read_named_bytes(file)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(
            "CMP114.unreadable-spec", path=path, reason=reason[:1].lower() + reason[1:]
        ) from error
    if file.is_symlink() and not boundary.holds(file) and not is_spec(data):
        raise UsageError("CMP551.not-a-spec", location=path).under("CMP113")
    spec, found = spec_from_text(
        data, file=str(path), directory=file.parent, overrides=overrides, boundary=boundary
    )
    if spec is not None:
        spec = replace(spec, files=(extends.spec_file(file, data), *spec.files))
    return spec, found


def load_spec(path: Path | str, overrides: Sequence[str] = ()) -> Spec:
    """Return the spec at ``path``.

    Args:
        path: a YAML file.
        overrides: as for :func:`read_spec`.

    Raises:
        SpecError: the spec has errors; they are all in it.
        UsageError: the file can't be read.
    """
    spec, diagnostics = read_spec(path, overrides)
    if spec is None or any(item.severity == "error" for item in diagnostics):
        raise SpecError(diagnostics)
    return spec


def spec_from_text(
    text: str | bytes,
    *,
    file: str,
    directory: Path,
    overrides: Sequence[str] = (),
    read: extends.ReadBytes = extends.read_bytes,
    boundary: Boundary | None = None,
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Read a spec that is in memory.

    Args:
        text: YAML; bytes are UTF-8.
        file: name for diagnostics; its last part also names the spec where ``extends`` goes in
            a circle.
        directory: what relative paths in the text belong to.
        overrides: as for :func:`read_spec`.
        read: gives the bytes of the files that it extends.
        boundary: what these have to lie in; None is what belongs to ``directory``.

    Returns:
        What :func:`read_spec` returns.
    """
    start_afresh()
    diagnostics: list[Diagnostic] = []
    if isinstance(text, bytes):
        source, found = yaml_text.decode(text, file=file, directory=directory)
        if found:
            return None, ordered(found)
    else:
        source = SourceText(file=file, text=text.removeprefix("\ufeff"), directory=directory)
    root, found = yaml_text.parse(source)
    diagnostics += found
    if root is None:
        if not found:
            message, span = "a spec should be a map; this file is empty", source.span(0, 0)
            help_ = "it begins with: version: 1"
            diagnostics.append(Diagnostic(code="CMP203", message=message, span=span, help=help_))
        return None, ordered(diagnostics)
    extended = extends.with_bases(root, source, read, boundary)
    root = extended.root
    diagnostics += extended.diagnostics
    if isinstance(root, MapNode):
        root, found = apply_overrides(root, overrides)
        diagnostics += found
        root = beside_spec(root, directory)
    unused = tuple(idle_vars(root, file))
    root, found = interpolation.interpolate(root)
    diagnostics += found
    root, outdented = indentation.put_in_place(root)
    diagnostics += outdented
    known = lower.ids(root)
    checked = schema.check(root)
    diagnostics += checked.diagnostics
    spec, lowered = lower.lower(checked, file=file, known=known, grants=extended.grants)
    diagnostics += lowered
    if not any(item.severity == "error" for item in diagnostics):
        diagnostics += unused
    if spec is not None:
        written = seen_from_spec(overrides, directory)
        spec = replace(spec, files=extended.files, overrides=written)
    return spec, ordered(diagnostics)


def spec_tree(path: Path | str) -> Node | None:
    """Return what is written at ``path`` and in what it extends, as far as it can be read.

    Nothing is checked and nothing told: for whoever helps to write a spec.

    Args:
        path: a YAML file.

    Raises:
        OSError: the file can't be read.
    """
    file = Path(path)
    source, found = yaml_text.decode(
        extends.read_bytes(file), file=str(path), directory=file.parent
    )
    root = None if found else yaml_text.parse(source)[0]
    return None if root is None else extends.with_bases(root, source, extends.read_bytes).root
