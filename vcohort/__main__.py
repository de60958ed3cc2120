"""The command `vcohort`: it listens to Ctrl-C from its first moment, while all else is imported."""

import os
import signal
import sys
from typing import Any


def main() -> None:
    """Run the command line of :mod:`vcohort.cli`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    from vcohort.cli.app import main as run  # noqa: PLC0415 - this takes time

    run()


def _stop(number: int, _: Any) -> None:
    """End at once: nothing has been begun that were to be put away."""
    sys.stderr.write("Stopped.\n")
    sys.stderr.flush()
    os._exit(128 + number)


if __name__ == "__main__":
    main()
