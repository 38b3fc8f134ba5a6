"""Order: what comes after what, and what a person may set."""
