"""Loops in canonical form: what the compiled engine's passes know about loops and lists."""
