"""Settings of Sphinx for ``make docs``. The site asks no other host for anything."""

from n1codec import __version__

project = "N1 Codec"
author = "The N1 Codec developers"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"N1 Codec {version}"
html_copy_source = False
html_show_sourcelink = False
