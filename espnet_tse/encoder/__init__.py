"""Features to condition frames."""
