"""The rooms of the house: each package does one thing and knows nothing of the flows above it."""
