"""The screen of ``compose plan``: the link map, folded to what is worth reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from composer.cli.build_screen import shown as shown_path
from composer.cli.console import Terminal, show_parts
from composer.cli.numbers import UNREAD, count, size
from composer.cli.shapes import shape_text
from composer.diagnostics.render.terminal_text import shown
from composer.outputs.registry import output_format
from composer.resolver.plan import Download, Fate, MapEntry, Plan, PlannedSource, Port
from composer.resolver.seams import Seam
from composer.spec.affixes import affixed
from composer.spec.model import Destination

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_FATES: tuple[Fate, ...] = (
    "kept", "renamed", "wired", "replaced", "bypassed", "dropped", "unreachable",
)  # fmt: skip
_STYLES: dict[str, str] = {
    "renamed": "green",
    "wired": "cyan",
    "replaced": "cyan",
    "bypassed": "yellow",
    "dropped": "red",
    "unreachable": "yellow",
    "changed": "yellow",
    "deferred": "yellow",
}


def show_plan(
    plan: Plan,
    place: Terminal,
    *,
    results: Sequence[Destination] = (),
    every_layer: bool = False,
) -> None:
    """Write the link map of ``plan``.

    Args:
        plan: complete or a draft.
        place: where to.
        results: where a build would write the model, and in which formats.
        every_layer: give each layer a line instead of folding runs that share their fate.
    """
    show_parts(place, _parts(plan, results, every_layer=every_layer))


def _parts(
    plan: Plan, results: Sequence[Destination], *, every_layer: bool
) -> Iterator[RenderableType]:
    from rich.padding import Padding

    def block(table: Table) -> RenderableType:
        return Padding(table, (0, 0, 0, 2), expand=False)

    yield _line(f"{plan.name} (seed {plan.seed})", "bold")
    if plan.description:
        yield _line(plan.description)
    for source in plan.sources:
        entries = [entry for entry in plan.link_map if entry.source == source.id]
        yield from _header(source, entries)
        yield block(_source_table(source, entries, every_layer=every_layer))
    new = {origin.layer for origin in plan.origins.values() if origin.kind == "layer"}
    wires = [seam for seam in plan.seams if seam.consumer not in new]
    if wires:
        yield _line("\nwires", "bold")
        yield block(_wires_table(wires))
    if new:
        yield _line("\nnew layers", "bold")
        yield block(_new_layers_table(plan))
    yield _line("\ninputs", "bold")
    yield block(_ports_table(plan.inputs))
    yield _line("\noutputs", "bold")
    yield block(_ports_table(plan.outputs))
    if results:
        yield _line("\nresults", "bold")
        yield block(_results_table(results))
    layers = sum(op.kind != "input" for op in plan.graph.operations)
    yield _line(
        f"\ntotal: {count(layers, 'layer')} and {count(len(plan.inputs), 'input')}, "
        f"{count(plan.parameters, 'parameter')}, {size(plan.nbytes)}; {UNREAD}"
    )
    if plan.deferred:
        yield _line(
            f"deferred: {', '.join(plan.deferred)}; --deep asks Keras for what is still open",
            "yellow",
        )


def _line(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(shown(text, keep_newlines=True), style=style)


def _grid(columns: int) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(columns):
        table.add_column(overflow="fold")
    return table


def _row(table: Table, *cells: str, styles: Sequence[str] = ()) -> None:
    from rich.text import Text

    padded = [*styles, *([""] * (len(cells) - len(styles)))]
    table.add_row(*(Text(shown(c), style=s) for c, s in zip(cells, padded, strict=True)))


# ---------------------------------------------------------------- sources


def _header(source: PlannedSource, entries: Sequence[MapEntry]) -> Iterator[RenderableType]:
    affixes = [
        f"{word} {affix}"
        for word, affix in (("prefix", source.prefix), ("suffix", source.suffix))
        if affix
    ]
    named = [*affixes, *([f"licence {source.license}"] if source.license else [])]
    yield _line(f"\n{source.id} = {source.location}", "bold")
    if named:
        yield _line(f"  {', '.join(named)}")
    if source.download is not None:
        yield _line(f"  {_downloaded(source.download)}")
        yield _line(f"  sha256 {source.download.sha256}")
    if source.plugin is not None:
        yield _line(f"  read by {source.plugin}")
    if source.weights is not None:
        yield _line(f"  weights from {source.weights}")
    counts = [(fate, sum(entry.fate == fate for entry in entries)) for fate in _FATES]
    words = ", ".join(f"{number:,} {fate}" for fate, number in counts if number)
    yield _line(f"  {count(source.operations, 'operation')}: {words}")
    yield _line(f"  {count(source.parameters, 'parameter')} used, {size(source.nbytes)}")
    if len(source.uses) > 1:
        yield _line(
            f"  called {len(source.uses)} times with the same weights: {', '.join(source.uses)}"
        )
    for repair in source.repairs:
        yield _line(f"  repaired {repair}")
    if source.trusted:
        yield _line("  trusted: code in this source is accepted", "warning")
    for finding in source.allowed:
        yield _line(f"  let in: {finding}", "warning")


def _downloaded(download: Download) -> str:
    parts = [f"fetched {size(download.nbytes)}"]
    if download.revision is not None:
        parts.append(f"revision {download.revision}")
    elif download.validator is not None:
        parts.append(download.validator)
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbours in a source that share their fate and the way they are named."""

    entries: tuple[MapEntry, ...]
    becomes: str
    called: bool = False
    """Whether it is called more often than each layer of its source."""

    @property
    def first(self) -> MapEntry:
        return self.entries[0]

    @property
    def layers(self) -> str:
        names = [entry.layer for entry in self.entries]
        return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"

    @property
    def words(self) -> str:
        fate = self.first.fate
        if len(self.entries) > 1:
            return f"{count(len(self.entries), 'layer')} {fate}"
        what = [] if fate in ("kept", "renamed") else [self.first.class_name]
        if self.first.inside:
            what = [f"{self.first.class_name} of {count(len(self.first.inside), 'layer')}"]
        if self.called:
            what.append(f"called {self.first.calls} times")
        if self.first.shared:
            what.append(f"one with {', '.join(self.first.shared)}")
        return f"{fate} ({', '.join(what)})" if what else fate


def _runs(
    source: PlannedSource, entries: Iterable[MapEntry], *, every_layer: bool
) -> Iterator[_Run]:
    def way(entry: MapEntry) -> tuple[str, str]:
        """Return the fate, and the pattern of names or what stands in."""
        if entry.fate == "renamed":
            usual, pattern = (
                affixed(name, source.prefix, source.suffix) for name in (entry.layer, "*")
            )
            return entry.fate, pattern if entry.name == usual else str(entry.name)
        if entry.fate in ("wired", "replaced", "bypassed"):
            return entry.fate, str(entry.note)
        return entry.fate, ""

    uses = max(1, len(source.uses))

    def told(entry: MapEntry) -> tuple[object, ...]:
        """Return what keeps an entry from being folded with its neighbours."""
        alone = entry.inside or entry.shared or entry.calls > uses
        return (*way(entry), entry.layer if alone else "")

    for (_, becomes, _), group in groupby(entries, key=told):
        run = tuple(group)
        if every_layer or len(run) == 1 or run[0].fate in ("wired", "replaced", "bypassed"):
            for entry in run:
                name = str(entry.name) if entry.fate == "renamed" else str(becomes)
                yield _Run((entry,), name, called=entry.calls > uses)
        else:
            yield _Run(run, str(becomes))


def _source_table(
    source: PlannedSource, entries: Sequence[MapEntry], *, every_layer: bool
) -> Table:
    table = _grid(4)
    table.columns[1].no_wrap = True
    arrows = {"renamed": "→", "wired": "←", "replaced": "←", "bypassed": "⇢"}
    for run in _runs(source, entries, every_layer=every_layer):
        style = _STYLES.get(run.first.fate, "")
        arrow = arrows.get(run.first.fate, "")
        _row(table, run.layers, arrow, run.becomes, run.words, styles=("", "", "", style))
        for inner in run.first.inside if every_layer else ():
            shared = f", one with {', '.join(inner.shared)}" if inner.shared else ""
            depth = "  " * inner.path.count("/")
            _row(table, f"{depth}{inner.path}", "", "", f"inside ({inner.class_name}{shared})")
    return table


# ---------------------------------------------------------------- wires, layers, ports


def _wires_table(seams: Sequence[Seam]) -> Table:
    table = _grid(2)
    for seam in seams:
        wire = " → ".join(seam.words)
        match seam.state:
            case "deferred":
                shapes = f"{_expected(seam)}deferred"
            case "changed":
                shapes = f"{_expected(seam)}changed to {shape_text(seam.actual, dtype='always')}"
            case "new":
                shapes = shape_text(seam.actual, dtype="always")
            case "equal":
                shapes = f"{shape_text(seam.actual, dtype='always')}, as recorded"
        _row(table, wire, shapes, styles=("", _STYLES.get(seam.state, "")))
    return table


def _expected(seam: Seam) -> str:
    if seam.expected is None:
        return ""
    return f"{shape_text(seam.expected, dtype='always')} recorded, "


def _new_layers_table(plan: Plan) -> Table:
    table = _grid(3)
    for operation in plan.graph.operations:
        if plan.origins[operation.name].kind != "layer":
            continue
        mine = [seam for seam in plan.seams if seam.consumer == operation.name]
        takes = ", ".join(
            f"{seam.words[0]} {shape_text(seam.actual) if seam.actual else 'deferred'}"
            for seam in mine
        )
        _row(table, operation.name, operation.class_name, f"← {takes}")
    return table


def _ports_table(ports: Sequence[Port]) -> Table:
    table = _grid(2)
    for port in ports:
        name = port.name if port.name == port.operation else f"{port.name} = {port.operation}"
        known = port.spec is not None and port.spec.shape is not None
        shapes = shape_text(port.spec, dtype="always") if known else "deferred"
        _row(table, name, shapes, styles=("", "" if known else "yellow"))
    return table


def _results_table(results: Sequence[Destination]) -> Table:
    table = _grid(2)
    for result in results:
        form = output_format(result.format)
        way = "exported by Keras" if form.exported else "linked"
        _row(table, shown_path(result.path), f"{form.title}, {way}")
    return table
