.DEFAULT_GOAL := help
.PHONY: help setup lock
UV := .venv/bin/uv

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

LOCK := $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header
lock: ## Pin the newest versions that work together (pyproject.toml → the lock files)
	$(LOCK) --universal --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements/dev.txt
	$(LOCK) --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
	  -c requirements/dev.txt pyproject.toml -o layers/core/requirements.txt
