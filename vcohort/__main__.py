"""The command `vcohort`: it listens to Ctrl-C from its first moment, while all else is imported."""

from vcohort.cli.at_once import listen


def main() -> None:
    """Run the command line of :mod:`vcohort.cli`."""
    listen()
    from vcohort.cli.app import main as run  # noqa: PLC0415 - this takes time

    run()


if __name__ == "__main__":
    main()
