"""``python -m nai_proto`` is the command ``nai``, for where the command itself is not on the path.

The core imports no command line: it loads the command that is installed with it by its name.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command ``nai``; end with a message if it is not installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        commands = distribution("nai-proto").entry_points.select(group="console_scripts", name="nai")
    except PackageNotFoundError:
        sys.exit("The command nai is not installed: the extra 'cli' of nai-proto has it")
    next(iter(commands)).load()()


if __name__ == "__main__":
    main()
