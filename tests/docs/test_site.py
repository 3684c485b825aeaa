"""The site: built from docs/ and from the code without a warning, and with nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

from composer.cli.commands import compose
from composer.diagnostics.codes import codes
from composer.spec.schema_file import schema_text
from docs.site.build import pages, staged
from docs.site.navigation import NAVIGATION
from docs.site.reference_commands import commands_page
from docs.site.reference_python import python_page
from docs.site.reference_spec import spec_page
from tests.spec.test_schema import keys_of

ROOT = Path(__file__).parents[2]
LOADS = {"src", "srcset", "poster", "data"}
"""Attributes whose address a browser fetches by itself, as does the href of a link element."""


class _Loaded(HTMLParser):
    """Collects what a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in LOADS or (tag == "link" and name == "href"):
                self.found.append(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "docs.site.build", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_nothing_of_the_network(site):
    html = sorted(site.rglob("*.html"))
    assert len(html) > len(codes()) + 20
    for file in html:
        loaded = _Loaded()
        loaded.feed(file.read_text(encoding="utf-8"))
        assert not [address for address in loaded.found if "//" in address], file
    for file in site.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"url\(\s*[\"']?(https?:)?//|@import", text), file


@pytest.mark.slow
def test_a_block_that_is_a_file_shows_its_name(site):
    text = (site / "tutorial.html").read_text(encoding="utf-8")
    assert '<span class="caption-text">pair.yaml</span>' in text


def test_every_page_is_in_the_table_of_contents():
    made = pages()
    reached = set(re.findall(r"^/(\S+)$", made["index.md"], re.MULTILINE))
    named = {name for names in NAVIGATION.values() for name in names}
    assert named <= reached
    pages_of_codes = {page for page in made if page.startswith("reference/codes/")}
    assert {f"{name}.md" for name in reached} == set(made) - pages_of_codes - {"index.md"}


def test_a_page_is_staged_with_names_over_its_files_and_links_that_stay():
    text = '```yaml title="a.yaml"\nx\n```\n[b](../specs) [c](../../composer/diagnostics/pages/CMP301.md)\n'
    assert staged(text) == (
        "```{code-block} yaml\n:caption: a.yaml\n\nx\n```\n"
        "[b](/recipes.md) [c](/reference/codes/CMP301.md)\n"
    )
    assert staged('```console skip="some good reason"\n$ a\n```\n') == "```console\n$ a\n```\n"


def test_the_reference_has_every_key_of_the_schema():
    import json

    text = spec_page()
    for path, part in keys_of(json.loads(schema_text("spec"))):
        assert part["description"] in text, path


def test_the_reference_has_every_verb_and_every_option():
    text = commands_page()
    context = click.Context(compose)
    for name in compose.list_commands(context):
        assert f"\n## compose {name}\n" in text
        command = compose.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in text


def test_the_reference_has_every_public_name_of_the_package():
    import composer

    text = python_page()
    for name in composer.__all__:
        assert name.startswith("__") or f"composer.{name}" in text or f"`{name}`" in text, name
