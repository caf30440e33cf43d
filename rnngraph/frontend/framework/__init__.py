"""What everything stands on: graphs, tensors, names, scopes, shapes, conversion."""
