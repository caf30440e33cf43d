"""What running means: the interface of engines, traces, threads."""
