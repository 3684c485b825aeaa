"""A stranger's text on its way to a terminal or to the log of a CI runner."""

from __future__ import annotations

import io
import re
import unicodedata
from pathlib import Path

import pytest

from composer.cli import console, progress
from composer.diagnostics.render.terminal_text import guarded

HOSTILE = {
    "escapes": "\x1b[31mred\x1b[2J\x1b]0;owned\x07\x08\x7f",
    "newline": "x\n::error::owned\n  ::set-output name=a::b\rover",
    "command": "::add-mask::x",
    "old-command": "##[group]x ##vso[task.setvariable]x",
    "unicode": "\u202egnp.\u2066x\u2028::error::b\x85c\U000e0041\u200b",
}
COMMAND = re.compile(r"^\s*::", re.MULTILINE)
ANYWHERE = re.compile(r"##(\[|vso\[)")


def raw(text: str) -> list[str]:
    """Return the characters that no terminal should get."""
    bad = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return [char for char in text if char != "\n" and unicodedata.category(char) in bad]


def assert_clean(result, *, workflow_commands: bool = False) -> None:
    for stream in (result.out, result.err):
        assert raw(stream) == []
        if workflow_commands and stream is result.out:
            lines = stream.splitlines()
            assert all(re.match(r"::(error|warning) [^:]*title=CMP\d{3}::", line) for line in lines)
        else:
            assert not COMMAND.search(stream), stream
            assert not ANYWHERE.search(stream), stream


def quoted(text: str) -> str:
    """Return text as a double-quoted YAML scalar that writes out what YAML does not take raw."""
    return '"' + "".join(
        f"\\U{ord(char):08x}" if not char.isprintable() or char in '"\\' else char for char in text
    ) + '"'  # fmt: skip


VERBS = [
    ("validate",),
    ("validate", "--fix"),
    ("validate", "--diff"),
    ("plan",),
    ("build",),
    ("build", "--dry-run"),
    ("build", "--locked"),
    ("lock",),
    ("lock", "--check"),
    ("status",),
    ("graph",),
    ("graph", "--format", "dot"),
    ("verify", "--lock"),
]


def run_all(compose, name: str, verbs=VERBS) -> None:
    for verb in verbs:
        arguments = (*verb, name) if verb[-1] != "--lock" else ("verify", name, "--lock", name)
        assert_clean(compose(*arguments))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_names_of_files_are_escaped_by_every_verb(compose, workspace, text) -> None:
    name = f"{text}.yaml".replace("/", "_")
    run_all(compose, name, VERBS[:2])  # which is not there
    Path(name).write_text(
        "version: 1\nname: s\nsources: {a: {from: models/tower.keras}}\n", encoding="utf-8"
    )
    run_all(compose, name)
    Path(name).write_text("version: 1\nname: s\nsurces: {}\n", encoding="utf-8")
    run_all(compose, name, [("validate",), ("plan",), ("build",), ("lock",), ("status",)])
    for form in ("concise", "json", "sarif"):
        assert_clean(compose("validate", name, "--output-format", form))
    for verb in ("validate", "build", "plan", "lock", "status"):
        assert_clean(compose(verb, name, "--output-format", "github"), workflow_commands=True)
    assert_clean(compose("validate", name, name[:-1] + "x"))
    for model in (f"{text}.keras".replace("/", "_"), f"{text}.h5".replace("/", "_")):
        for verb in ("inspect", "verify", "graph", "init"):
            assert_clean(compose(verb, model))
        Path(model).write_bytes(b"PK\x03\x04 nothing")
        for verb in ("inspect", "verify", "graph", "init"):
            assert_clean(compose(verb, model))
        assert_clean(compose("diff", model, "models/tower.keras"))
    assert_clean(compose("diff", name, f"HEAD:{name}"))
    assert_clean(compose(f"no{text}"))
    assert_clean(compose("validate", f"--no{text}"))
    assert_clean(compose("explain", text))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_text_of_a_spec_is_escaped_by_every_verb(compose, workspace, text) -> None:
    hostile = quoted(text)
    Path("s.yaml").write_text(
        f"version: 1\nname: s\ndescription: {hostile}\nvars: {{v: {hostile}}}\n"
        f"sources:\n  a: {{from: models/tower.keras, license: {hostile}, "
        f"rename: {{conv1: {hostile}}}, prefix: 'p_'}}\noutputs: {{{hostile}: a}}\n",
        encoding="utf-8",
    )
    run_all(compose, "s.yaml")
    Path("t.yaml").write_text(
        f"version: 1\nname: {hostile}\n{hostile}: 1\nsources:\n"
        f"  {hostile}: {{from: {hostile}}}\n  b: {{from: models/tower.keras, exclude: [{hostile}], "
        f"freeze: [{{regex: {hostile}}}], rename: [{{regex: {hostile}, to: {hostile}}}]}}\n"
        f"layers: {{l: {{class: {hostile}, inputs: {hostile}, args: {{{hostile}: {hostile}}}}}}}\n"
        f"output: {{path: {hostile}}}\n",
        encoding="utf-8",
    )
    run_all(compose, "t.yaml", [("validate",), ("validate", "--diff"), ("plan",), ("build",)])
    Path("u.yaml").write_text(
        f"version: 1\nname: u\nextends: {hostile}\nsources: {{a: {{from: {hostile}}}}}\n",
        encoding="utf-8",
    )
    run_all(compose, "u.yaml", [("validate",), ("build",)])
    assert_clean(compose("validate", "s.yaml", f"vars.v={text}"))
    assert_clean(compose("validate", "s.yaml", f"+vars.{text}=1"))
    assert_clean(compose("plan", "t.yaml", "--output-format", "github"), workflow_commands=True)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_names_in_a_model_are_escaped_by_every_verb(
    compose, workspace, changed_model, text
) -> None:
    def rename(config) -> None:
        config["config"]["name"] = text
        layers = config["config"]["layers"]
        layers[1]["name"] = layers[1]["config"]["name"] = text
        for layer in layers[2:3]:
            for node in layer["inbound_nodes"]:
                node["args"][0]["config"]["keras_history"][0] = text

    changed_model("tower", "odd.keras", rename)
    Path("s.yaml").write_text(
        "version: 1\nname: s\nsources: {a: {from: odd.keras}}\n", encoding="utf-8"
    )
    for arguments in (
        ("inspect", "odd.keras"),
        ("inspect", "odd.keras", "--select", "*"),
        ("graph", "odd.keras"),
        ("graph", "odd.keras", "--format", "dot"),
        ("init", "odd.keras", "-o", "-"),
        ("diff", "odd.keras", "models/tower.keras"),
        ("diff", "models/tower.keras", "odd.keras", "--json"),
        ("validate", "s.yaml"),
        ("plan", "s.yaml"),
    ):
        assert_clean(compose(*arguments))


def test_a_line_is_no_command_however_it_came_about() -> None:
    assert guarded("::error::x\n \t::a") == "\\x3a:error::x\n \t\\x3a:a"
    assert guarded("std::string") == "std::string"
    assert guarded("see ##[x] and ##vso[y] and ## z") == r"see \x23#[x] and \x23#vso[y] and ## z"
    assert guarded("\x1b[1mx\x1b[0m", color=True) == "\x1b[1mx\x1b[0m"
    assert guarded("\x1b[1m::x", color=True) == "\x1b[1m\\x3a:x"
    assert guarded("\x1b[1m\x1b[2J\r", color=True) == "\x1b[1m\\x1b[2J\\x0d"


def test_what_is_done_just_now_is_escaped_too(monkeypatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    with progress.display("linking \x1b]0;x\x07\n::error::y") as say:
        say("building \u202ex\r")
        import time

        time.sleep(0.1)
    assert "\x1b]0;" not in screen.getvalue()
    assert "\x07" not in screen.getvalue()
    assert "\u202e" not in screen.getvalue()


def test_only_the_door_writes_to_the_streams() -> None:
    folder = Path(console.__file__).parent
    writers = {
        file.name
        for file in folder.glob("*.py")
        if re.search(
            r"\bprint\(|std(out|err)\.write|\.stream\.write|click\.echo",
            file.read_text(encoding="utf-8"),
        )
    }
    assert writers == {"console.py"}
