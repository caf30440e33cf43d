"""From closed graph to plan: buffers and steps as data, no machine in sight."""
