# Everything happens in this folder: .venv, .peers and .cache. `make clean` removes them.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test sandbox lint format peers clean

PYTHON ?=
ARGS ?=
WORKERS ?= auto
BIN := .venv/bin
READY := .venv/.ready
PEERS := $(patsubst tests/peers/%.txt,.peers/%/.ready,$(wildcard tests/peers/*.txt))

export PYTHON
# Tests and demo start hundreds of processes: without bytecode on disk each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# What pip is told about mirrors and company certificates, uv (and Meltano, which calls it) is told too.
ifneq ($(UV_INDEX_URL)$(PIP_INDEX_URL),)
export UV_DEFAULT_INDEX ?= $(or $(UV_INDEX_URL),$(PIP_INDEX_URL))
endif
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),)
export UV_SYSTEM_CERTS ?= true
endif

help: ## this list
	@echo "CareCycle and LeadSquared connectors. Needs Python 3.10 or newer and a package index."
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo: $(READY) ## watch 1,000 customers become leads, with real meltano, against the sandbox
	@$(BIN)/python -m scripts.demo $(ARGS)

test: $(READY) $(PEERS) ## lint, types and all tests, in parallel (ARGS="-k name" picks some)
	@$(MAKE) --no-print-directory lint
	@echo "[test] pytest"
	@$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadgroup $(ARGS)
	@echo "[test] all passed"

sandbox: $(READY) ## both APIs on this machine, for trying things by hand
	@rm -rf ledger/sandbox rejects/sandbox
	@$(BIN)/python -m sandbox $(ARGS)

lint: $(READY) ## ruff, mypy, and whether lock file and settings tables are up to date
	@echo "[lint] ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@echo "[lint] mypy"
	@$(BIN)/mypy --no-error-summary
	@echo "[lint] settings in meltano.yml, hub/ and docs/"
	@$(BIN)/python -m scripts.generate --check
	@test -n "$$UV_DEFAULT_INDEX" || { echo "[lint] uv.lock"; $(BIN)/uv lock --quiet --check; }

format: $(READY) ## let ruff tidy the code
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format .

peers: $(PEERS) ## other people's plugins that the tests run against

clean: ## remove everything that make and the tools have made
	rm -rf .venv .peers .cache .meltano .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

$(READY): uv.lock pyproject.toml
	@scripts/environment.sh
	@touch $@

.peers/%/.ready: tests/peers/%.txt $(READY)
	@scripts/environment.sh $*
	@touch $@
