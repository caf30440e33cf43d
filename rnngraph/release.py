"""Which release of rnngraph this is. Packaging, the command line and the keys of cached code read it here: to ask for the
metadata of what is installed takes a first run 20 ms, and sources that are not installed have none."""

import time

RELEASE = "0.1.0"
IMPORTED = time.time()
"""When this process began to import rnngraph, in seconds since 1970: its sources may have changed since then."""
