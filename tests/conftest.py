"""Profiles of hypothesis: `make check` looks quickly, `make test` looks well."""

from hypothesis import settings

settings.register_profile("quick", max_examples=20)
