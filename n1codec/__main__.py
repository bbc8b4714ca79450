"""``python -m n1codec``."""

import sys

from n1codec.cli import main

sys.exit(main())
