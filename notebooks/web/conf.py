"""Settings of Sphinx for the book; build.py stages the pages."""

from __future__ import annotations

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
