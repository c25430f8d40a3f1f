"""Building the reference data that the project ships."""
