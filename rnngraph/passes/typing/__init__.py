"""Types and sizes said again."""
