"""Which release of rnngraph this is. Packaging, the command line and the keys of cached code read it here: to ask for the
metadata of what is installed takes a first run 20 ms, and sources that are not installed have none."""

RELEASE = "0.1.0"
