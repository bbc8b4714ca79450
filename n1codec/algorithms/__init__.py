"""The package of all filters and coders: a folder per family, a module per stage, helpers in ``_shared``.

The modules stand in ``algorithms/`` at the top of a checkout; in a wheel they stand beside this file.
:mod:`n1codec.registry` finds and loads them by name.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent
HOME = _PACKAGE if (_PACKAGE / "baseline").is_dir() else _PACKAGE.parent.parent / "algorithms"
"""The folder that holds the families."""

__path__ = [str(HOME)]
