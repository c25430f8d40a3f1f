"""Log files and tracked hits as they arrive: read, hashed, stored once, the days marked."""
