"""Other queues at the same work, each in an environment of its own under `build/peers`."""
