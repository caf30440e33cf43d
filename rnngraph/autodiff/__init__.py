"""Reverse mode: a graph's backward graph from its ops' rules, to any order."""
