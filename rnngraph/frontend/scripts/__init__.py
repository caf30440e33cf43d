"""What scripts bring besides graphs: flags, summaries, Python functions."""
