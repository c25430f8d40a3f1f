"""What every room shares: ids, errors, keys, time. Imports nothing of ours."""
