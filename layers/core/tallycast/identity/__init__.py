"""Who asks: tenants, people, machines, what each may do, and the log of what each did."""
