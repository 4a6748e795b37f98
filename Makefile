# K-Arb's commands; `make help` lists them. Everything runs in .venv, which requirements/install.py makes.

.DEFAULT_GOAL := help
.PHONY: help up test bench campaign lint secrets lock clean
.SILENT:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
TEST ?=
UP := $(if $(FOR),--for '$(FOR)') $(if $(JSON),--json '$(JSON)') $(if $(RECORDING),--recording '$(RECORDING)') $(if $(SEED),--seed '$(SEED)')
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

# Recorded frames hold order ids, lock files hold hashes.
NO_SECRETS := --exclude-files '^tests/frames/.*\.jsonl$$' --exclude-files '^requirements/.*\.txt$$' \
	--exclude-files '^\.secrets\.baseline$$'

help: ## Say what can be made
	echo "K-Arb: trades the price gap of one coin between two exchanges. Start with: make up"
	grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

up: ## Set up and run the whole desk (FOR=60 seconds, JSON=report.json, RECORDING=dir, SEED=7)
	$(PYTHON) requirements/install.py web
	exec $(BIN)/python -m workers up $(UP)

# Most tests wait; whole desks of real processes come last, two at a time, so that nothing starves them. The tests of one
# file share a desk or a broker: they stay in one process, the longest file first (tests/e2e/conftest.py). Hundreds of
# processes start: without bytecode kept, each would compile everything anew.
test: ## Run every test (TEST=path runs one)
	$(PYTHON) requirements/install.py dev
	$(PYTHON) requirements/install.py clients
	unset PYTHONDONTWRITEBYTECODE; \
	if [ -n "$(TEST)" ]; then exec $(BIN)/python -m pytest $(TEST); fi; \
	$(BIN)/python -m pytest --numprocesses 4 --ignore tests/e2e && \
	exec $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder tests/e2e

bench: ## Time each stage of the hot path, beside bare sockets (JSON=file)
	$(PYTHON) requirements/install.py web
	exec $(BIN)/python -m workers bench $(if $(JSON),--json '$(JSON)')

campaign: ## Let everything go wrong, on made-up time (RUNS=100, SEED=1, JSON=report.json)
	$(PYTHON) requirements/install.py web
	exec $(BIN)/python -m workers campaign $(if $(RUNS),--runs '$(RUNS)') $(if $(SEED),--seed '$(SEED)') $(if $(JSON),--json '$(JSON)')

lint: ## Check style, types, imports, secrets
	$(PYTHON) requirements/install.py dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy arbitrage exchanges fast_path workers karb_project manage.py
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml arbitrage exchanges fast_path workers karb_project requirements
	$(BIN)/lint-imports
	# On a copy: the hook writes moved line numbers back and then ends with code 3, which is no finding.
	known=$$(mktemp); cp .secrets.baseline $$known; $(BIN)/detect-secrets-hook --baseline $$known $$(git ls-files) >$$known.said; \
	code=$$?; [ $$code = 0 ] || [ $$code = 3 ] || cat $$known.said; rm -f $$known $$known.said; [ $$code = 0 ] || [ $$code = 3 ]

secrets: ## Take what the secrets check finds now as known and harmless (look at the change before you commit it)
	git ls-files -z | xargs -0 $(BIN)/detect-secrets scan $(NO_SECRETS) > .secrets.new
	mv .secrets.new .secrets.baseline

lock: ## Resolve requirements/*.in anew, with hashes
	$(PYTHON) requirements/install.py dev
	cd requirements && for name in base web dev clients; do ../$(LOCK) --output-file $$name.txt $$name.in || exit 2; done

clean: ## Remove what can be made again; ALL=1 also the desk's own state in var
	rm -rf .venv .venv-clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
	if [ -n "$(ALL)" ]; then rm -rf var; else echo "kept var: the journal, the database, the accounts (make clean ALL=1 removes them)"; fi
