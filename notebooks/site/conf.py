"""Sphinx' settings for the site. `make_site.py` gathers the pages and runs Sphinx with them."""

import html
import json
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

project = "mae-lite"
html_title = "mae-lite"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # the notebooks are committed executed
nb_merge_streams = True
nb_ipywidgets_js = {}  # widgets show their static stand-in; nothing comes from elsewhere
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "html_image"]
myst_heading_anchors = 4
myst_update_mathjax = False

html_theme = "furo"
html_theme_options = {key: {"code-font-size": "0.8em"} for key in ("light_css_variables", "dark_css_variables")}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = html_show_sourcelink = html_show_copyright = html_use_index = False
html_math_renderer = "mathml"
pygments_dark_style = "github-dark"

log = logging.getLogger(__name__)


def mathml(translator, node, as_block):
    """Formulas as MathML, which browsers draw by themselves; a script to do it would be another megabyte."""
    try:
        translator.body.append(tex2mathml(node.astext(), as_block=as_block))
    except MathError as error:
        log.warning("formula not understood: %s", error, location=node)
        translator.body.append(f"<code>{translator.encode(node.astext())}</code>")
    raise nodes.SkipNode


def leave_out_of_search(app, doctree):
    """A solution or a list of pages says nothing that the pages themselves do not; found twice is no help."""
    name = app.env.docname
    if "/solutions/" in name or name in ("index", "models", "solutions"):
        app.env.metadata[name]["nosearch"] = True


def words(node):
    """Titles, paragraphs and code of a section, without those of the sections in it."""
    for child in node.children:
        if isinstance(child, (nodes.title, nodes.paragraph, nodes.literal_block)):
            yield " ".join(child.astext().split())
        elif not isinstance(child, (nodes.section, nodes.raw)):
            yield from words(child)


def write_texts(app, error):
    """The text of all pages by section, for the excerpts of the search.

    Sphinx' search page fetches each page that it found, which browsers refuse on file://. Here it is given them.
    """
    pages = {}
    for name in sorted(app.env.found_docs if error is None else ()):
        if "nosearch" not in app.env.metadata[name]:
            sections = app.env.get_doctree(name).findall(nodes.section)
            parts = [f'<p id="{one["ids"][0]}">{html.escape(" ".join(words(one)))}</p>' for one in sections]
            pages[f"{name}.html"] = f'<div role="main">{"".join(parts)}</div>'
    script = Path(app.outdir, "_static", "search-texts.js")
    script.write_text(f"const TEXTS = {json.dumps(pages, ensure_ascii=False)};\n{FETCH}", encoding="utf-8")


FETCH = "window.fetch = async (url) => ({ text: async () => TEXTS[url.replace(/^[./]+/, '')] ?? '' });\n"


def add_texts(app, pagename, templatename, context, doctree):
    """The texts are for the search page alone."""
    if pagename == "search":
        app.add_js_file("search-texts.js")


def setup(app):
    inline, block = ((lambda t, node, b=b: mathml(t, node, b)) for b in (False, True))
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.connect("doctree-read", leave_out_of_search)
    app.connect("html-page-context", add_texts)
    app.connect("build-finished", write_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
