"""How the site colours a screen: the commands after ``$``, and what they print as plain text."""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Generic, Text


class ScreenLexer(RegexLexer):
    """Lexer of ``console`` blocks.

    The one of Pygments takes ``#`` at the start of a line for the prompt of root, and so colours
    the comments of a spec that a command prints as if they were commands.
    """

    name = "Screen"
    aliases: ClassVar = ["screen"]
    tokens: ClassVar = {
        "root": [
            (r"(\$ )(.*\n?)", bygroups(Generic.Prompt, Text)),
            (r".*\n|.+", Generic.Output),
        ]
    }
