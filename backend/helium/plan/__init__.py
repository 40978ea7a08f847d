"""What an installation needs and costs: from prices, from measured figures, and from how people use it."""
