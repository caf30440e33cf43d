"""The grammar: what a program is. Knows no op (those are declared in `rnngraph.ops`)."""
