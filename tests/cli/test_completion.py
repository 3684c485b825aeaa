"""``compose completion``: what bash, zsh and fish offer when the tab key is pressed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.container.minimal import dense_model

ROOT = Path(__file__).parents[2]
BREAKS = " \t\n\"'@><=;|&(:"
"""What bash takes words apart at, unless it is told otherwise."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "specs").mkdir()
    (tmp_path / "bin").mkdir()
    dense_model(tmp_path / "models/a.keras", [2, 3, 4], prefix="left ")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "specs/_base.yaml").write_text(
        "version: 1\nsources:\n  left: {from: ../models/a.keras, prefix: l_, trainable: false}\n"
    )
    (tmp_path / "specs/pair.yaml").write_text(
        "extends: _base.yaml\nname: pair\nsources:\n  right: {from: ../models/a.keras}\n"
        "layers:\n  mean: {class: Average, inputs: [left, right]}\n"
    )
    (tmp_path / "specs/broken.yaml").write_text("sources: {left: [\n")
    script = tmp_path / "bin/compose"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m composer "$@"\n')
    script.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COMPOSE_HOME": str(folder / "store"),
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "TERM": "dumb",
    }


ASKING = """
eval "$(compose completion bash)"
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDBREAKS=$2
_compose_completion compose
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(folder: Path, line: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", ASKING, "bash", line, BREAKS],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [found for found in done.stdout.splitlines() if found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("va", ["validate "]),
        ("explain CMP30", [f"CMP30{number} " for number in range(1, 7)]),
        (
            "explain Sepa",
            [
                "SeparableConv1D ",
                "SeparableConv2D ",
                "SeparableConvolution1D ",
                "SeparableConvolution2D ",
            ],
        ),
        ("schema ", ["spec ", "plan ", "lock "]),
        ("graph --form", ["--format "]),
        ("graph --format s", ["svg "]),
        ("validate --output-format=g", ["github "]),
        ("validate ", ["bin/", "models/", "specs/"]),
        ("validate specs/", ["specs/_base.yaml ", "specs/broken.yaml ", "specs/pair.yaml "]),
        ("inspect models/", ["models/a.keras "]),
        ("init models/", ["models/a.keras "]),
        ("verify --lock specs/p", ["specs/pair.yaml "]),
        ("build -o n", ["notes.txt "]),
        ("plan --html n", []),
        ("plan --html spe", ["specs/"]),
        ("explain cmp30", [f"cmp30{number} " for number in range(1, 7)]),
        ("status specs/p", ["specs/pair.yaml "]),
        ("status specs/pair.yaml sources.left.tr", ["sources.left.trainable="]),
        # Keys of the spec, those that it inherits too; what can be added is in the schema.
        ("build specs/pair.yaml sources.", ["sources.left.", "sources.right."]),
        ("build specs/pair.yaml sources.left.tr", ["sources.left.trainable="]),
        ("build specs/pair.yaml sources.left.trainable=", ["true ", "false "]),
        ("build specs/pair.yaml sources.left.from=mo", ["models/"]),
        ("build specs/pair.yaml sources.left.from=models/", ["models/a.keras "]),
        ("build specs/pair.yaml +sources.right.pre", ["+sources.right.prefix="]),
        ("build specs/pair.yaml +sources.left.pre", []),
        ("build specs/pair.yaml ~la", ["~layers."]),
        ("build specs/pair.yaml ~layers.", ["~layers.mean "]),
        ("lock specs/pair.yaml --upgrade ", ["left ", "right "]),
        ("lock specs/pair.yaml --upgrade=r", ["right "]),
        # Layers, with what is special to a shell behind a backslash or in the quotes that are open.
        ("inspect models/a.keras --select left\\ d", ["left\\ d1 ", "left\\ d2 "]),
        ("inspect models/a.keras --select 'left d", ["left d1", "left d2"]),
        ("graph specs/pair.yaml --unfold l_", ["l_left\\ x ", "l_left\\ d1 ", "l_left\\ d2 "]),
        # A place where nothing is known, and files that can't be read.
        ("nothing ", []),
        ("build specs/broken.yaml sources.", []),
        ("inspect notes.txt --select ", []),
    ],
)
def test_bash_offers(folder: Path, line: str, expected: list[str]) -> None:
    assert offered(folder, f"compose {line}") == expected


def test_the_verbs_are_those_of_help(folder: Path) -> None:
    from click import Context

    from composer.cli.commands import compose

    verbs = compose.list_commands(Context(compose))
    assert offered(folder, "compose ") == [f"{verb} " for verb in verbs]


def test_nothing_that_is_slow_to_start_is_imported(folder: Path) -> None:
    code = (
        "import sys; from composer.cli.running import run\n"
        "try: run([])\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'tensorflow', 'omegaconf', 'rich'} & sys.modules.keys()))"
    )
    for line in ("sources.left.", "--unfold l_"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env={
                **environment(folder),
                "COMP_LINE": f"compose graph specs/pair.yaml {line}",
                "_COMPOSE_COMPLETE": "bash_complete",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        *found, imported = done.stdout.splitlines()
        assert found
        assert imported == "[]"


START = {
    "bash": (["--norc", "-i"], 'eval "$(compose completion bash)"; PS1="$ "'),
    "zsh": (
        ["-f", "-i"],
        'autoload -Uz compinit; compinit -u -D; eval "$(compose completion zsh)"; PROMPT="$ "',
    ),
    "fish": (["--no-config", "-i"], "compose completion fish | source"),
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", START)
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("vali\tspecs/p\tsources.le\ttrai\tf\t", "validate specs/pair.yaml sources.left.trainable=false"),
        ("lock specs/pair.yaml --upgrade=l\t", "lock specs/pair.yaml --upgrade=left"),
        ("insp\tmod\ta\t--sel\tleft\\ d1\t", "inspect models/a.keras --select left\\ d1"),
        ("build specs/pair.yaml +sources.left.suf\tx", "build specs/pair.yaml +sources.left.suffix=x"),
    ],
)  # fmt: skip
def test_a_line_is_completed_in_the_shell_itself(
    folder: Path, shell: str, typed: str, line: str
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    flags, begin = START[shell]
    terminal = pexpect.spawn(
        shell,
        flags,
        cwd=str(folder),
        env=environment(folder),
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 200),
    )
    try:
        terminal.sendline(f"{begin}; echo rea''dy")
        terminal.expect("ready\r")
        terminal.send(f"compose {typed}")
        # The line goes into a file, in quotes: how a shell draws it is its own affair.
        terminal.send("\x01printf '%s' \"\x05\" > line; echo do''ne\r")
        terminal.expect("done\r")
    finally:
        terminal.close(force=True)
    assert (folder / "line").read_text().strip() == f"compose {line}"
