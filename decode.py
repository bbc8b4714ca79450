#!/bin/sh
''''eval 'p=${0%/*}/.venv/bin/python; [ -x "$p" ] || p=python3; exec "$p" "$0" "$@"' # '''
# To a shell the line above runs this file with the checkout's own Python; to Python it is a string.

import os
import sys

if __name__ == "__main__":
    own = os.path.join(os.path.dirname(os.path.realpath(__file__)), ".venv")
    python = os.path.join(own, "bin", "python")
    if os.path.exists(python) and not os.path.samefile(own, sys.prefix):  # called through a link, or by another Python
        os.execv(python, [python, *sys.argv])
    try:
        from n1codec.cli.decode import main

        sys.exit(main())
    except (ImportError, FileNotFoundError) as error:
        sys.exit(f"decode: {error} (run make install)")
    except KeyboardInterrupt:
        sys.exit(130)
