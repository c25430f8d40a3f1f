"""The lake: Parquet by tenant and day in S3, and the ledger that says which of it counts."""
