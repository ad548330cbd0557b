"""Waits until the process that started it is gone (its pipe on stdin closes), then cleans up.

Usage: watchdog.py FOLDER [--keep]. FOLDER is both the mark of the processes and what is removed.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness.processes import kill_marked


def main() -> None:
    folder = sys.argv[1]
    if os.fork() > 0:
        os._exit(0)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while os.read(0, 4096):
        pass
    # Our own command line carries the mark as well; kill_marked leaves the caller out.
    kill_marked(folder)
    if "--keep" not in sys.argv:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
