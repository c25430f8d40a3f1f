"""Sponsors, orders, campaigns and spots, and what was delivered of them."""
