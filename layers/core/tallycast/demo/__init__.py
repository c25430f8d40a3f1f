"""Generated shows with a known truth, and the loopback host that serves them: `make demo`."""
