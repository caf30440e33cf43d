"""`python -m rnngraph`: the command line."""

import sys

from rnngraph.cli import main

sys.exit(main())
