"""SVG → PNG by resvg, with the font that is shipped: the same pixels on every machine."""

from __future__ import annotations

from importlib import resources

from composer.errors import UsageError

SCALE = 2
"""Pixels of the PNG for one of the SVG, so that it is sharp on today's screens."""


def png(svg: str) -> bytes:
    """Return the bytes of a PNG file.

    Raises:
        UsageError: the extra ``graph`` is not installed.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise UsageError("CMP113.no-png-packages") from error
    fonts = resources.files("composer.views.picture").joinpath("assets", "fonts", "DejaVuSans.ttf")
    with resources.as_file(fonts) as font:
        drawn = resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=SCALE,
            font_files=[str(font)],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
            skip_system_fonts=True,
        )
    return bytes(drawn)
