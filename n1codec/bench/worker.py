"""A process that runs one n1codec command and ends with the process that started it, however that ends.

The command's arguments come as one line of JSON on standard input, so their number has no limit. The pipe then stays
open and silent: its end means that the parent is gone, even by kill -9.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

_GRACE = 2.0


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    if hasattr(signal, "pthread_kill"):  # the main thread ends what it has started
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        time.sleep(_GRACE)
    os._exit(1)


def main() -> int:
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1 << 16)
        if not byte:
            return 1
        line += byte
    sys.argv = ["n1codec", *json.loads(line)]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from n1codec.cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
