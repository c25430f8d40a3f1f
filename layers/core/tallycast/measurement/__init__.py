"""From a request to a download that an auditor would sign."""
