"""The vocabulary: states, items, events, and the pure functions over them. It imports only `kit`."""
