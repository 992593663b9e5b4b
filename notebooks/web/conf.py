"""Settings of Sphinx for the book; build.py stages the pages."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

from regtools import __version__

EDITION = json.loads(Path(__file__).with_name("edition.json").read_text("utf-8"))
CHINESE = EDITION["place"] == "zh"

project = "regtools"
language = EDITION["language"]
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
html_title = "regtools：podman 与镜像仓库" if CHINESE else "regtools: podman and its registries"
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["book.css"]
# The download button offers each page's source: of a chapter, the notebook.
html_copy_source = html_show_sourcelink = True
html_sourcelink_suffix = ""
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": True,
    "home_page_in_toc": False,
    "use_repository_button": False,
}
pygments_style = "default"
# Broken TOML is what many pages are about; the highlighter then goes on in its relaxed mode.
suppress_warnings = ["mystnb.unknown_mime_type", "misc.highlighting_failure"]


def add_buttons(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: document | None
) -> None:
    """Add the switch of language, and the button that opens a chapter live.

    The theme's own launch button knows no address relative to the page. Live chapters are English.
    """
    up = "../" * pagename.count("/")
    there = EDITION["other"].get(pagename, "index.html")
    buttons = [
        {
            "type": "link",
            "url": f"{up}../{there}" if CHINESE else f"{up}zh/{there}",
            "tooltip": "Read this page in English" if CHINESE else "阅读这一页的中文版",
            "text": "English" if CHINESE else "中文",
            "label": "language",
        }
    ]
    if context.get("page_source_suffix") == ".ipynb" and not CHINESE:
        buttons.append(
            {
                "type": "link",
                "url": f"{up}live/notebooks/index.html?path={pagename}.ipynb",
                "tooltip": "Run this chapter in the browser",
                "icon": "fas fa-rocket",
                "label": "live",
            }
        )
    context["header_buttons"][:0] = buttons


class SearchSigns(SearchChinese):
    """The index of Chinese pages, without a dictionary of words: each sign, and each pair of neighbours.

    Sphinx's own class finds no Chinese word at all where the package jieba is missing, and its page never
    cuts what a reader types.
    """

    _signs = re.compile("[\u3400-\u9fff]+")
    js_splitter_code = """
function splitQuery(query) {
  const runs = query.match(/[a-zA-Z0-9_]+|[\\u3400-\\u9fff]+/g) || [];
  return runs.flatMap(function (run) {
    if (run.length === 1 || /[a-zA-Z0-9_]/.test(run)) return [run];
    return Array.from(run).slice(1).map(function (sign, at) { return run[at] + sign; });
  });
}
"""

    def split(self, input: str) -> list[str]:
        """Return the words of Latin letters, the Chinese signs, and their pairs."""
        found = super().split(input)
        for run in self._signs.findall(input):
            found += [*run, *map("".join, pairwise(run))]
        return found

    def word_filter(self, stemmed_word: str) -> bool:
        """Return whether a word is kept: of Chinese ones, each."""
        return bool(self._signs.match(stemmed_word)) or super().word_filter(stemmed_word)


def setup(app: Sphinx) -> None:
    """Add what is ours to the pages."""
    app.add_search_language(SearchSigns)
    app.connect("html-page-context", add_buttons, priority=600)
