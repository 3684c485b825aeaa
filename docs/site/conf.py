"""Settings of Sphinx for the site; build.py stages the pages and starts it."""

from __future__ import annotations

from pathlib import Path

from sphinx.highlighting import lexers

from composer import __version__
from docs.site.screens import ScreenLexer

project = "keras-compose"
author = "the authors of keras-compose"
project_copyright = "the authors of keras-compose"
version = release = __version__

extensions = ["myst_parser", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "html_image"]
myst_heading_anchors = 3
# --option stays --option.
smartquotes = False
# Screens and specs that are wrong on purpose are no text of the language whose colours they wear.
suppress_warnings = ["misc.highlighting_failure"]

lexers["console"] = ScreenLexer()

# A prompt is shown and not copied.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_title = f"keras-compose {__version__}"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["composer.css"]
html_copy_source = False
html_show_sphinx = False
# Furo draws with the fonts of the reader's machine: a page asks nothing of the network.
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#b3282d",
        "color-brand-content": "#b3282d",
    },
    "dark_css_variables": {
        "color-brand-primary": "#ff8a84",
        "color-brand-content": "#ff8a84",
    },
}
