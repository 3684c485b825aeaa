"""Build the site: ``python -m docs.site.build [FOLDER]``; a warning of Sphinx fails it.

The pages are copied to a staging folder, those that are made from the code are written beside
them, and Sphinx reads all of it. Nothing asks the network.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from docs.site.navigation import NAVIGATION
from docs.site.reference_codes import code_pages
from docs.site.reference_commands import commands_page
from docs.site.reference_python import python_page
from docs.site.reference_spec import spec_page

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent

_FENCE = re.compile(r"^```(\w+) +(\S.*)$", re.MULTILINE)
_TITLE = re.compile(r'title="([^"]+)"')


def main(arguments: list[str]) -> int:
    """Build into the named folder, or into build/site; return Sphinx's exit code."""
    from sphinx.cmd.build import main as sphinx

    target = Path(arguments[0]) if arguments else ROOT / "build" / "site"
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "pages"
        for path, text in pages().items():
            file = staged / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        if (DOCS / "images").exists():
            shutil.copytree(DOCS / "images", staged / "images")
        options = ["-b", "html", "-n", "-W", "--keep-going", "-q", "-c", str(Path(__file__).parent)]
        return sphinx([*options, "-d", str(Path(scratch) / "seen"), str(staged), str(target)])


def pages() -> dict[str, str]:
    """Return the Markdown of all pages by path: those that are written and those that are made."""
    written = {
        file.relative_to(DOCS).as_posix(): staged(file.read_text(encoding="utf-8"))
        for file in sorted(DOCS.rglob("*.md"))
    }
    made = {
        "recipes.md": recipes_page(),
        "reference/spec.md": spec_page(),
        "reference/commands.md": commands_page(),
        "reference/python.md": python_page(),
        **code_pages(),
    }
    both = {**written, **made}
    named = {name for names in NAVIGATION.values() for name in names} | {"index"}
    others = tuple(name for page in written if (name := page.removesuffix(".md")) not in named)
    for caption, names in NAVIGATION.items():
        both["index.md"] += contents(caption, (*names, *others) if caption == "Guide" else names)
    return both


def staged(text: str) -> str:
    """Return a page as Sphinx takes it: names of files over blocks, links that stay on the site."""
    text = _FENCE.sub(_block, text)
    text = re.sub(r"\]\((?:\.\./)+specs(?:/[\w.]*)?\)", "](/recipes.md)", text)
    return re.sub(r"\]\([\w./]*/pages/(CMP\d+)\.md\)", r"](/reference/codes/\1.md)", text)


def _block(match: re.Match[str]) -> str:
    language, attributes = match[1], match[2]
    title = _TITLE.search(attributes)
    if title is None:
        return f"```{language}"
    return f"```{{code-block}} {language}\n:caption: {title[1]}\n"


def contents(caption: str, names: tuple[str, ...]) -> str:
    """Return a part of the table of contents, which only the side of the page shows."""
    listed = "\n".join(f"/{name}" for name in names)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def recipes_page() -> str:
    """Return the page of the specs that ship, each as it stands in its file."""
    parts = [
        "# Recipes\n\nThese specs are in the folder `specs/` of the repository. Each is built by "
        "the tests.\n"
    ]
    for file in sorted((ROOT / "specs").glob("*.yaml")):
        _, *lines = file.read_text(encoding="utf-8").splitlines()
        comment = [line for line in lines if line.startswith("#")]
        body = "\n".join(lines[len(comment) :]).strip("\n")
        said = "\n".join(line.removeprefix("#").removeprefix(" ") for line in comment)
        said = re.sub(r"(?m)^ {2,}(compose .*)$", r"\n    \1\n", said)
        parts.append(
            f"\n## {file.stem.replace('_', ' ')}\n\n{said}\n\n"
            f"```{{code-block}} yaml\n:caption: specs/{file.name}\n\n{body}\n```\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
