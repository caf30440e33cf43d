"""Loops, branches, TensorArrays, gradients."""
