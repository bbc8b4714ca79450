#!/bin/sh
''''eval 'p=${0%/*}/.venv/bin/python; [ -x "$p" ] || p=python3; exec "$p" "$0" "$@"' # '''
# To a shell the line above runs this file with the checkout's own Python; to Python it is a string.

import sys

if __name__ == "__main__":
    try:
        from n1codec.cli.encode import main
    except ImportError as error:
        sys.exit(f"encode: {error} (run make install)")
    sys.exit(main())
