"""Settings of Sphinx for the book; build.py stages the pages."""

from __future__ import annotations

from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx

from regtools import __version__

project = "regtools"
author = copyright = "The regtools authors"
release = __version__
extensions = ["myst_nb", "sphinx_copybutton", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**.ipynb_checkpoints"]

# The outputs are those that the tests compare; nothing is run here.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "html_image", "attrs_inline"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False

html_theme = "sphinx_book_theme"
html_title = "regtools: podman and its registries"
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": True,
    "home_page_in_toc": False,
    "use_repository_button": False,
}
templates_path = ["_templates"]
pygments_style = "default"
# Broken TOML is what many pages are about; the highlighter then goes on in its relaxed mode.
suppress_warnings = ["mystnb.unknown_mime_type", "misc.highlighting_failure"]


def add_live_button(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: document | None
) -> None:
    """Add the button that opens a chapter live; the theme's own knows no address relative to the page."""
    if context.get("page_source_suffix") == ".ipynb":
        address = context["pathto"]("live/notebooks/index.html", 1)
        context["header_buttons"].insert(
            0,
            {
                "type": "link",
                "url": f"{address}?path={pagename}.ipynb",
                "tooltip": "Run this chapter in the browser",
                "icon": "fas fa-rocket",
                "label": "live",
            },
        )


def setup(app: Sphinx) -> None:
    """Add what is ours to the pages."""
    app.connect("html-page-context", add_live_button, priority=600)
