# Everything that is done with this repository starts here; `make` alone shows the list.
# Needed beforehand: Python 3.11+ with venv, Node 20+ with npm, make. Stamps are files that a step
# leaves behind, so that what has not changed is not done again.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run setup test check schema lock bench faults clean

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
MODULES := browser/node_modules/.installed
BUILT := src/tillgate/checkout/static/built/manifest.json
SOURCES := browser/src $(shell find browser/src) browser/build.mjs browser/tsconfig.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

run: setup ## start Tillgate on this machine, on http://127.0.0.1:8000 (PORT=N for another port)
	@exec $(BIN)/tillgate dev

setup: $(INSTALLED) $(BUILT) ## install what is missing, into .venv and browser/node_modules
	@:

test: setup ## run all tests; they need Chromium and Firefox ESR
	@$(browsers)
	@$(BIN)/pytest -n 2

check: setup ## lint, types, layers, migrations, browser code
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/squawk --config .squawk.toml db/migrations/*.sql
	@npm --prefix browser run --silent check

schema: setup ## renew db/schema.sql from db/migrations
	@$(BIN)/python -m tillgate.cli.migrate > .venv/schema.sql
	@mv .venv/schema.sql db/schema.sql

lock: $(INSTALLED) ## renew requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra dev pyproject.toml --output-file requirements.lock
	@if grep -n '://' requirements.lock; then echo 'requirements.lock names an address' >&2; exit 1; fi

FAULTS_KILLS ?= 200

faults: setup ## kill, stop and cut things for some minutes (FAULTS_KILLS=N, FAULTS_SEED=N)
	@FAULTS_KILLS=$(FAULTS_KILLS) $(BIN)/pytest -n 2 -rP -o faulthandler_timeout=3600 tests/faults

bench: setup ## run the benchmarks
	@$(BIN)/python -m bench

clean: ## remove all that setup and the checks have made; never data
	rm -rf .venv browser/node_modules $(dir $(BUILT)) .ruff_cache .import_linter_cache .hypothesis

# uv comes from the lock like everything else, by pip; then uv does the rest, faster.
$(BIN)/uv:
	@$(tools)
	@echo 'Setting up Python in .venv'
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {ours = /^uv==/} ours' requirements.lock > .venv/uv.lock
	@$(BIN)/pip install --quiet --no-deps --require-hashes --requirement .venv/uv.lock

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/uv
	@echo 'Installing Python packages'
	@$(pip) --require-hashes --requirement requirements.lock
	@$(pip) --no-deps --no-build-isolation --editable .
	@touch $@

pip = $(BIN)/uv pip install --quiet --python $(BIN)/python

$(MODULES): browser/package.json browser/package-lock.json browser/.npmrc
	@$(tools)
	@echo 'Installing browser packages'
	@npm --prefix browser ci --silent
	@touch $@

$(BUILT): $(SOURCES) $(MODULES)
	@echo 'Building pages'
	@npm --prefix browser run --silent build

# Both at once, before the first slow step, so that nobody waits a minute to hear of the second.
define tools
fail() { echo "$$1" >&2; exit 1; }; \
command -v $(PYTHON) > /dev/null || fail 'Python 3.11 or later is needed, as "python3".'; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail \
  "Python 3.11 or later is needed, this is $$($(PYTHON) --version); PYTHON=… names another."; \
$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || fail \
  'Python has no venv; on Debian and Ubuntu: apt-get install python3-venv'; \
command -v npm > /dev/null && \
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null || fail \
  "Node 20 or later with npm is needed; found: $$(node --version 2> /dev/null || echo none)."
endef

define browsers
if command -v chromium > /dev/null && command -v firefox-esr > /dev/null; then exit 0; fi; \
if [ "$$(id -u)" = 0 ] && grep -qx 'ID=debian' /etc/os-release 2> /dev/null; then \
  echo 'Installing Chromium and Firefox ESR'; \
  apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --no-install-recommends chromium firefox-esr > /dev/null; \
else \
  echo 'The tests drive Chromium and Firefox ESR: install both, so that the commands chromium' >&2; \
  echo 'and firefox-esr are found. On Debian: apt-get install chromium firefox-esr' >&2; \
  exit 1; \
fi
endef
