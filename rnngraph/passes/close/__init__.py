"""Open graph to closed graph, for a set of fetches and feeds."""
