"""Every block of README.md and docs/ is run, each page as one story in a folder of its own."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, Block, Command, agrees, blocks, commands, marked
from tests.plugin.install import SITE
from tests.sources.remote.file_server import Served, file_server

EXPORT = "import keras; keras.saving.load_model('models/tower.keras').export('export/net')"
"""Makes the SavedModel folder that pages name."""
INLINE = re.compile(r"`(compose [^`]+)`")
INSTALL = re.compile(r"^(python3 -m venv \.venv && \.venv/bin/)?pip install .*? && ")
"""The tests run where that is done; .ci/run does it from nothing."""
ALL = [block for page in PAGES for block in blocks(page)]
STORY = {"console", "file", "program"}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the programs that pages call, of the Python that runs the tests."""
    folder = tmp_path_factory.mktemp("bin")
    called = {
        "compose": "-m composer",
        "python": "",
        "pytest": "-m pytest",
        "pip": "-m tests.plugin.install",
    }
    for name, arguments in called.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture
def folder(request, models: Path, programs: Path, tmp_path: Path, monkeypatch) -> Path:
    """Return the current folder of a reader: empty, or with the models that recipes name."""
    page = getattr(request, "param", None)
    if page is None or "empty" not in marked(page):
        shutil.copytree(ROOT / "specs", tmp_path / "specs")
        (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / ".store"))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path / SITE}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    for name in ("CI", "GITHUB_ACTIONS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def server(models: Path):
    """Return a web server that stands for the one of the pages: it gives what is in models/."""
    with file_server() as running:
        for path in models.glob("*.keras"):
            running.files[f"/{path.name}"] = Served(path.read_bytes())
        yield running


def shell(text: str, timeout: int = 600) -> subprocess.CompletedProcess[str]:
    """Run a command as a terminal would, with both streams on one screen."""
    return subprocess.run(
        ["bash", "-c", INSTALL.sub("", text).replace(".venv/bin/", "")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout,
    )


def screen(text: str) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in text.rstrip("\n").splitlines())


def stories() -> list[object]:
    found = []
    for page in PAGES:
        if any(block.kind in STORY - {"file"} for block in blocks(page)):
            marks = [pytest.mark.keras, *([pytest.mark.slow] if "slow" in marked(page) else [])]
            name = page.relative_to(ROOT).as_posix()
            found.append(pytest.param(page, page, marks=marks, id=name))
    return found


@pytest.mark.parametrize(("folder", "page"), stories(), indirect=["folder"])
def test_what_a_page_tells_happens_when_it_is_typed(folder, page, request):
    shown: dict[int, tuple[Command, tuple[str, ...]]] = {}
    for block in blocks(page):
        match block.kind:
            case "file":
                write(block)
            case "program":
                done = subprocess.run(
                    ["python", "-"], input=block.text, capture_output=True, text=True, timeout=600
                )
                assert done.returncode == 0, f"{block.place}:\n{done.stderr}"
            case "console":
                shown |= told(block, rewrite=request.config.getoption("--rewrite-golden"))
    if shown:
        rewrite(page, shown)


def told(block: Block, *, rewrite: bool) -> dict[int, tuple[Command, tuple[str, ...]]]:
    """Run a console block; return the screens that differ, by line, where they may be rewritten."""
    differ = {}
    every = list(commands(block))
    for number, command in enumerate(every, start=1):
        done = shell(command.text)
        wanted = int(block.attributes.get("exit", 0)) if number == len(every) else 0
        place = f"{block.page}:{command.line}: {command.text}"
        assert done.returncode == wanted, f"{place} ended with {done.returncode}\n{done.stdout}"
        found = screen(done.stdout)
        if command.screen and not agrees(command.screen, found):
            assert rewrite, f"{place} shows\n" + "\n".join(found)
            differ[command.line] = (command, found)
    return differ


def rewrite(page: Path, shown: dict[int, tuple[Command, tuple[str, ...]]]) -> None:
    """Put the screens that were seen into the page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for line, (command, found) in sorted(shown.items(), reverse=True):
        first = line + command.text.count("\n")
        lines[first : first + len(command.screen)] = found
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write(block: Block) -> None:
    file = Path(block.attributes["title"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, encoding="utf-8")


@pytest.mark.keras
@pytest.mark.parametrize(
    "block", [block for block in ALL if block.kind == "recipe"], ids=lambda block: block.place
)
def test_a_recipe_that_a_page_shows_builds_and_verifies(folder, server, block):
    text = block.text.replace("https://models.example.org", server.url)
    Path("shown.yaml").write_text(text, encoding="utf-8")
    for other in blocks(ROOT / block.page):
        if other.kind == "file" and other.language == "python":
            write(other)
    if "export/net" in text:
        made = subprocess.run([sys.executable, "-c", EXPORT], capture_output=True, check=False)
        assert made.returncode == 0, made.stderr
    target = "shown.saved_model" if "format: saved_model" in text else "shown.keras"
    done = shell(f"compose build shown.yaml -o {target} --verify")
    assert done.returncode == 0, f"{block.place}: {done.stdout}"
    assert "failed" not in done.stdout


WORKFLOWS = [block for block in ALL if block.attributes.get("title", "").startswith(".github/")]


@pytest.mark.parametrize("block", WORKFLOWS, ids=lambda block: block.place)
def test_what_a_workflow_of_a_page_runs_is_run_by_the_page_or_here(folder, block):
    steps = yaml.safe_load(block.text)["jobs"]
    runs = [step["run"] for job in steps.values() for step in job["steps"] if "run" in step]
    typed = {
        command.text
        for other in blocks(ROOT / block.page)
        if other.kind == "console"
        for command in commands(other)
    }
    asked = [line for run in runs for line in run.splitlines() if line.startswith("compose ")]
    assert asked
    for command in asked:
        if command not in typed:
            done = shell(command)
            assert done.returncode == 0, f"{block.place}: {command}\n{done.stdout}"


SKIPPED = {
    "README.md": 2,
    "docs/ci.md": 1,
    "docs/index.md": 1,
    "docs/old_files.md": 1,
}
"""How many blocks of a page are not run; each gives its reason where it stands."""


def test_blocks_that_are_not_run_are_few_and_say_why():
    counted: dict[str, int] = {}
    for block in ALL:
        if block.kind == "skip":
            assert len(block.attributes["skip"].split()) >= 3, block.place
            counted[block.page] = counted.get(block.page, 0) + 1
    assert counted == SKIPPED


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_of_a_page_escapes(page):
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^[ >]*(?:```|~~~)", text, re.MULTILINE)
    assert len(fences) == 2 * len(list(blocks(page)))
    for block in blocks(page):
        assert block.kind
        assert set(block.attributes) <= {"title", "skip", "exit"}, block.place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_has_that_verb_and_those_options(page):
    found = INLINE.findall(page.read_text(encoding="utf-8").replace("\n", " "))
    for text in found:
        _, verb, *rest = text.split()
        if not verb.islower():
            continue
        command: click.Command = importlib.import_module(f"composer.cli.{verb}").command
        if isinstance(command, click.Group) and rest and rest[0] in command.commands:
            command = command.commands[rest[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        options |= {"--help", "-h"}
        for word in rest:
            assert not word.startswith("-") or word in options, f"{page.name}: {text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page):
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
