"""Partner systems: their tokens that we keep, webhooks to them, webhooks from them."""
