"""Entry point of the command ``rebalance-core``."""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from .cli import app
    except ModuleNotFoundError as error:
        print(
            f"rebalance-core: the command line needs {error.name}; install it with: pip install 'rebalance-core[cli]'",
            file=sys.stderr,
        )
        return 1
    app()
    return 0


if __name__ == "__main__":
    sys.exit(main())
