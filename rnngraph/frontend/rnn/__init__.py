"""Recurrent cells, the drivers that run them over time, and contrib.legacy_seq2seq.

    cell, linear, core_cells, wrappers, contrib_*, block_*   cells
    steps, dynamic, bidirectional, raw, static               drivers (never import a concrete cell)
    legacy_*, losses                                         legacy_seq2seq and the sequence losses

Public names are wired by the package modules that mirror TensorFlow's paths.
"""
