"""MiniStack's process: apply the bridge, then run MiniStack's own main.

Started by `infra.local.emulator`, never by hand.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from infra.local import bridge
from infra.local.errors import LocalCloudError


def _end_with_parent() -> None:
    """Wait for the parent's end of our standard input to close, then end in good order."""
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str]) -> None:
    """Run the emulator until it is told to end."""
    try:
        bridge.apply()
    except LocalCloudError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None
    if "--with-parent" in arguments:
        threading.Thread(target=_end_with_parent, daemon=True, name="parent-watch").start()
    from ministack.app import main as run  # noqa: PLC0415  (after the bridge)

    sys.argv = ["ministack"]
    run()


if __name__ == "__main__":
    main(sys.argv[1:])
