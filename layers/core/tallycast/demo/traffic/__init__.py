"""Generated listening with a known truth: months of requests, and what really happened."""
