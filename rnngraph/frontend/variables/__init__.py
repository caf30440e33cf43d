"""Variables and what they begin with."""
