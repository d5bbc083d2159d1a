"""`python -m alih` is the command `alih`."""

import sys

from alih.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
