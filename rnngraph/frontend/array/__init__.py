"""Ops that say where elements are."""
