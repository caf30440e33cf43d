"""Graph to better graph, one idea a file; `pipeline` says which, in which order."""
