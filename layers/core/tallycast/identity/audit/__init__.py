"""The log of every sensitive operation: append-only, one hash chain per tenant."""
