"""The display of what takes long."""

from __future__ import annotations

import io
import time

from composer.cli import console, progress


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_shown_where_nobody_watches(capsys):
    with progress.display("working") as say:
        say("still working")
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_of_what_is_quick(monkeypatch):
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    with progress.display("working") as say:
        say("done soon")
    assert screen.getvalue() == ""


def test_what_takes_long_is_shown_as_text_and_taken_away(monkeypatch):
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with progress.display("working") as say:
        deadline = time.monotonic() + 10
        while "working" not in screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.02)
        say("[red]importing\x1b]0;x")
        while "importing" not in screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.02)
    assert "working" in screen.getvalue()
    assert "[red]importing\\x1b]0;x" in screen.getvalue()
    # Rich ends its line by erasing it.
    assert screen.getvalue().endswith("\x1b[2K")


def test_the_display_ends_when_the_block_fails(monkeypatch):
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    try:
        with progress.display("working"):
            raise ValueError("no")
    except ValueError:
        pass
    time.sleep(0.01)
    assert screen.getvalue() == ""
    assert console.terminal("stderr").is_terminal
