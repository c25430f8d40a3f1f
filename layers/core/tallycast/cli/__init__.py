"""The command line: the same rooms on files, and a hand on a running platform."""
