.DEFAULT_GOAL := help
.PHONY: help setup demo up down reset status test check lint unit integration e2e fuzz bench build deploy lock format openapi reference client clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SAM_VENV := .venv-sam
SAM := $(SAM_VENV)/bin/sam
JOBS ?= 2
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# ── the environment ───────────────────────────────────────────────────────────────────────────
setup: $(READY) ## Make .venv, with tallycast in it, from the lock files

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Python 3.11 or newer is needed; name one with: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "error: this Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned packages (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --only-binary=:all: -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(SAM): requirements/sam.txt
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements/sam.txt
	@touch $@

# ── the platform on this machine ──────────────────────────────────────────────────────────────
demo: $(READY) ## Show the whole platform at work on generated shows, and end
	@$(BIN)/python -m infra.demo

up: $(READY) ## Run the platform until Ctrl-C; its state is kept in .tallycast
	@$(BIN)/python -m infra.local up

down: $(READY) ## End a platform that runs in the background
	@$(BIN)/python -m infra.local down

reset: $(READY) ## End it and wipe its state
	@$(BIN)/python -m infra.local reset

status: $(READY) ## Say whether the platform runs, and where
	@$(BIN)/python -m infra.local status

# ── quality ───────────────────────────────────────────────────────────────────────────────────
test: $(READY) ## Run every test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/unit tests/contract tests/integration tests/workflow
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/e2e

check: lint unit ## Lint, types, import rules, unit and contract tests (a few minutes)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy layers/core/tallycast functions infra
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --hypothesis-profile quick tests/unit tests/contract

integration: $(READY) ## Run the tests on moto and on loopback hosts
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile tests/integration tests/workflow

e2e: $(READY) ## Run the tests on the deployed template
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/e2e

fuzz: $(READY) ## Ask both APIs, on the deployed template, thousands of things well and badly
	@$(BIN)/python -m tests.fuzz

bench: $(READY) ## Measure, side by side with named peers; never part of the tests
	@$(BIN)/python -m bench

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

openapi: $(READY) ## Write the OpenAPI files and the gateways' stack from the routes
	@$(BIN)/python -m infra.openapi

reference: $(READY) ## Build the page that shows the two APIs into build/reference (needs npm)
	@$(BIN)/python -m infra.reference_page $(if $(SERVE),--serve)

CLIENT ?= build/client
client: $(READY) ## Generate typed Python clients of the two APIs into build/client
	@mkdir -p $(CLIENT)
	@PATH="$(CURDIR)/$(BIN):$$PATH" openapi-python-client generate --overwrite --fail-on-warning --meta none --path infra/openapi.yaml --output-path $(CLIENT)/tallycast_api
	@PATH="$(CURDIR)/$(BIN):$$PATH" openapi-python-client generate --overwrite --fail-on-warning --meta none --path infra/openapi-partner.yaml --output-path $(CLIENT)/tallycast_partner_api

# ── AWS ───────────────────────────────────────────────────────────────────────────────────────
build: $(READY) $(SAM) ## Build for AWS with SAM; fails when a function passes 240 MB
	$(SAM) validate --lint
	TALLYCAST_PYTHON="$(CURDIR)/$(BIN)/python" $(SAM) build
	$(BIN)/python -m infra.sizes .aws-sam/build

deploy: build ## Deploy to AWS, asking for what it needs to know
	$(SAM) deploy --guided

# ── upkeep ────────────────────────────────────────────────────────────────────────────────────
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header
lock: $(READY) ## Pin the newest versions that work together (UPGRADE=1 looks for newer ones)
	$(LOCK) $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --all-extras --group dev \
	  pyproject.toml -o requirements/dev.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
	  -c requirements/dev.txt pyproject.toml -o layers/core/requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
	  -c requirements/dev.txt layers/measurement/requirements.in -o layers/measurement/requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --python-version 3.13 --python-platform x86_64-manylinux_2_28 --no-deps \
	  -c requirements/dev.txt layers/api/requirements.in -o layers/api/requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 \
	  requirements/sam.in -o requirements/sam.txt

clean: ## Remove what the tools made, but not the platform's state
	rm -rf $(VENV) $(SAM_VENV) tests/node/node_modules web/reference/node_modules .aws-sam build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
