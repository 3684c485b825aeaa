"""What a YAML parser stumbles over, in plain words and with the quoted form that would do.

References, globs and interpolations hold characters that mean something else to YAML. PyYAML's
messages speak of tokens; here they are turned round into what the user most likely meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note
from composer.spec import yaml_indent, yaml_lines
from composer.spec.source_text import COMMAND_LINE, Place, SourceText
from composer.spec.yaml_scalars import quoted

if TYPE_CHECKING:
    import yaml

_BARE_INTERPOLATION = re.compile(r"(?<!\$)\{(\s*[A-Za-z_][\w-]*(?:\.[\w-]+)+\s*)\}")
_SPACED_REFERENCE = re.compile(r"([A-Za-z_][\w-]*(?:@[\w-]+)?): +([^\s:]+)")
_STARTERS = {
    "while scanning an alias": "in YAML, a value that begins with * refers to an anchor",
    "while scanning an anchor": "to YAML a value that begins with & names an anchor",
    "while scanning a tag": "to YAML a value that begins with ! names a type",
    "while parsing a tag": "to YAML a value that begins with ! names a type",
    "while scanning a block scalar": "to YAML | and > begin text of several lines",
}
_INDENTED = re.compile(r"^( +)[^\s#-]", re.MULTILINE)
_PAIRS = {"}": "{", "]": "["}


def needs_quotes(place: Place, reason: str) -> Diagnostic:
    """Return the diagnostic for text that YAML reads as something else.

    Args:
        place: the whole value that was meant as text.
        reason: what YAML makes of it, without a full stop.
    """
    spaced = _SPACED_REFERENCE.fullmatch(place.text)
    if spaced:
        return Diagnostic(
            code="CMP111",
            message=f"this value needs quotes: {reason}",
            span=place.span,
            help=f"write {spaced[1]}:{spaced[2]} for a reference, {quoted(place.text)} for text",
        )
    # {vars.x} is most often meant as an interpolation.
    text = _BARE_INTERPOLATION.sub(r"${\1}", place.text)
    given = "\n" in text or place.source.file == COMMAND_LINE
    fix = () if given else (Edit(span=place.span, replacement=quoted(text)),)
    return Diagnostic(
        code="CMP111",
        message=f"this value needs quotes: {reason}",
        span=place.span,
        help=f"write {quoted(text)}",
        fix=fix,
    )


def explain(
    source: SourceText, error: yaml.MarkedYAMLError, offset: int, *, in_flow: bool
) -> Diagnostic:
    """Return one diagnostic for an error of PyYAML's scanner or parser.

    Args:
        source: the text.
        error: what PyYAML raised.
        offset: where in ``source`` the YAML begins; PyYAML counts from there.
        in_flow: whether the error lies inside ``[ ]`` or ``{ }``.
    """
    mark = error.problem_mark or error.context_mark
    problem = (mark.index if mark else 0) + offset
    context = error.context_mark.index + offset if error.context_mark else problem
    return (
        _tab(source, problem)
        or yaml_lines.foreign_space(source, problem, context, *_line_above(source, problem))
        or yaml_lines.lacking(source, problem, context, error.problem or "")
        or _misread(source, error, problem, context, in_flow=in_flow)
        or _open_bracket(source, error, problem, context)
        or _outdented(source, error, problem)
        or _syntax(source, error, problem, context)
    )


def _line_above(source: SourceText, offset: int) -> tuple[int, ...]:
    start, _ = source.line_bounds(offset)
    return (start - 1,) if start else ()


def _tab(source: SourceText, problem: int) -> Diagnostic | None:
    start, _ = source.line_bounds(problem)
    indent = re.compile(r"[ \t]*").match(source.text, start)
    end = indent.end() if indent else start
    tab = source.text.find("\t", start, max(end, problem + 1))
    if tab < 0 or tab > problem:
        return None
    return Diagnostic(
        code="CMP104",
        message="YAML doesn't allow a tab here",
        span=source.span(tab, tab + 1),
        help="indent and separate with spaces",
        fix=_without_tabs(source, start, end, tab),
    )


def _without_tabs(source: SourceText, start: int, end: int, tab: int) -> tuple[Edit, ...]:
    """Return the edit that writes spaces for tabs, as many as the other lines are indented by."""
    if source.file == COMMAND_LINE:
        return ()
    if tab >= end:
        after = re.compile(r"[ \t]*").match(source.text, tab)
        return (Edit(span=source.span(tab, after.end() if after else tab + 1), replacement=" "),)
    steps = [len(match[1]) for match in _INDENTED.finditer(source.text)]
    indent = source.text[start:end].replace("\t", " " * min(steps, default=2))
    return (Edit(span=source.span(start, end), replacement=indent),)


def _misread(
    source: SourceText,
    error: yaml.MarkedYAMLError,
    problem: int,
    context: int,
    *,
    in_flow: bool,
) -> Diagnostic | None:
    text = source.text
    here = text[problem : problem + 1]
    before = text[problem - 1 : problem] if problem else ""
    what = error.problem or ""
    if error.context in _STARTERS:
        end = _value_end(source, context, in_flow=in_flow)
        return needs_quotes(Place(source, context, end), _STARTERS[error.context])
    if here == "{" and before == "$":
        start = _value_start(source, problem - 1)
        end = _value_end(source, start, in_flow=True)
        reason = "inside [ ] or { }, YAML takes the { of an unquoted ${…} for a map"
        return needs_quotes(Place(source, start, end), reason)
    if "cannot start any token" in what:
        end = _value_end(source, problem, in_flow=in_flow)
        reason = f"no YAML value may begin with {here}"
        return needs_quotes(Place(source, problem, end), reason)
    if before in _PAIRS and here and not here.isspace() and here not in ",]}:":
        opening = _opening(source, problem - 1)
        if opening is not None:
            end = _value_end(source, problem, in_flow=in_flow)
            reason = f"to YAML it ends at the {before}"
            return needs_quotes(Place(source, opening, end), reason)
    if here in {"[", "{"} and before and not before.isspace() and before not in ",[{:":
        start = _value_start(source, problem)
        end = _value_end(source, start, in_flow=True)
        reason = f"inside [ ] or {{ }}, YAML takes {here} for the beginning of a new value"
        return needs_quotes(Place(source, start, end), reason)
    if "mapping values are not allowed" in what:
        return _second_colon(source, problem)
    return None


def _second_colon(source: SourceText, problem: int) -> Diagnostic | None:
    """``inputs: src: layer``: the value itself holds a colon and a space."""
    start, end = source.line_bounds(problem)
    first = source.text.find(": ", start, problem)
    if first < 0:
        return None
    begin = first + 2
    while begin < problem and source.text[begin] == " ":
        begin += 1
    if begin >= problem:
        return None
    end = _value_end(source, begin, in_flow=False)
    return needs_quotes(Place(source, begin, end), "to YAML ': ' separates a key from its value")


def _open_bracket(
    source: SourceText, error: yaml.MarkedYAMLError, problem: int, context: int
) -> Diagnostic | None:
    what = error.problem or ""
    if "flow" not in (error.context or ""):
        return None
    if "expected ','" not in what and "node content" not in what:
        return None
    opened = source.text[context : context + 1]
    if not source.text[problem:].strip():
        return Diagnostic(
            code="CMP103",
            message=f"the {opened} that opens here is never closed",
            span=source.span(context, context + 1),
        )
    return Diagnostic(
        code="CMP103",
        message=f"expected a comma or {']' if opened == '[' else '}'} here",
        span=source.span(problem, min(problem + 1, source.line_bounds(problem)[1])),
        notes=(Note(message=f"the {opened} opens here", span=source.span(context, context + 1)),),
        help="text that holds , [ ] { } or ': ' needs quotes",
    )


def _outdented(source: SourceText, error: yaml.MarkedYAMLError, problem: int) -> Diagnostic | None:
    what = error.problem or ""
    if "expected <block end>" in what or "mapping values are not allowed" in what:
        return yaml_indent.outdented(source, problem)
    return None


def _syntax(
    source: SourceText, error: yaml.MarkedYAMLError, problem: int, context: int
) -> Diagnostic:
    what, where = error.problem or "", error.context or ""
    start, end = problem, min(problem + 1, source.line_bounds(problem)[1])
    notes: tuple[Note, ...] = ()
    help_: str | None = None
    fix: tuple[Edit, ...] = ()
    if "quoted scalar" in where and "unexpected" in what:
        message, start, end = "the quote that opens here is never closed", context, context + 1
    elif "unknown escape" in what or "escape sequence" in what:
        message = "double quotes know no such escape"
        help_ = "write \\\\ for a backslash, or use single quotes, which have no escapes"
    elif "could not find expected ':'" in what:
        start, end = source.line_bounds(context)
        start = context
        message = "expected 'key: value' or '- item'; this line is neither"
    elif "mapping values are not allowed" in what:
        message = "unexpected indentation: a key can't start here"
        help_, fix = yaml_indent.advice(source, problem)
    elif "sequence entries are not allowed" in what:
        message = "a '- item' can't start here; put the list on its own lines"
    elif "expected <block end>" in what and _follows_quote(source, problem):
        message = "there is text after the closing quote"
        help_ = "put quotes around the whole value"
    elif "expected <block end>" in what:
        message = "unexpected indentation: it matches no line above"
        help_, fix = yaml_indent.advice(source, problem)
        notes = (
            Note(
                message="the map or list that ends here began on this line",
                span=source.span(context, context + 1),
            ),
        )
    elif "expected '<document start>'" in what:
        message = "the spec has ended before this"
        help_ = "a spec is one map; check the indentation of the first lines"
    else:
        message = f"YAML can't be read here: {' '.join(what.split())}"
    return Diagnostic(
        code="CMP103",
        message=message,
        span=source.span(start, end),
        notes=notes,
        help=help_,
        fix=fix,
    )


def _follows_quote(source: SourceText, offset: int) -> bool:
    start, _ = source.line_bounds(offset)
    return source.text[start:offset].rstrip().endswith(('"', "'"))


def _value_start(source: SourceText, offset: int) -> int:
    """Return where the flow value that ``offset`` lies in begins on its line."""
    text = source.text
    first, _ = source.line_bounds(offset)
    start = offset
    while start > first:
        char = text[start - 1]
        if char in ",[]{":
            break
        if char == " " and text[start - 2 : start - 1] == ":":
            break
        start -= 1
    while start < offset and text[start] == " ":
        start += 1
    return start


def _value_end(source: SourceText, offset: int, *, in_flow: bool) -> int:
    """Return where the value that begins at ``offset`` most likely ends on its line."""
    text = source.text
    _, last = source.line_bounds(offset)
    end = offset
    open_brackets = 0
    while end < last:
        char = text[end]
        if char == "#" and end > offset and text[end - 1] in " \t":
            break
        if in_flow and not open_brackets and char in ",]}":
            break
        if char in "[{":
            open_brackets += 1
        elif char in "]}" and open_brackets:
            open_brackets -= 1
        end += 1
    return offset + len(text[offset:end].rstrip())


def _opening(source: SourceText, closing: int) -> int | None:
    """Return where the bracket that ``closing`` closes was opened, if on the same line."""
    text = source.text
    first, _ = source.line_bounds(closing)
    depth = 0
    for offset in range(closing, first - 1, -1):
        if text[offset] in "]}":
            depth += 1
        elif text[offset] in "[{":
            depth -= 1
            if depth == 0:
                return offset if text[offset] == _PAIRS[text[closing]] else None
    return None
