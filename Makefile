# Everything a developer does. Works for root and for normal users; needs Python 3.11, 3.12 or 3.13.

.DEFAULT_GOAL := help
.PHONY: help setup run check test bench lock

VENV := .venv
READY := $(VENV)/.ready
SMSC := tests/peers/smsc
SMSC_READY := $(SMSC)/node_modules/.package-lock.json
COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header pyproject.toml

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
unexport PYTHONDONTWRITEBYTECODE # without bytecode each process that tests start compiles it all

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  Arguments go in ARGS:  make run ARGS="--listen 127.0.0.1:9000"'

setup: $(READY) ## make the environment in .venv (the other targets do it by themselves)

run: $(READY) ## start Clarion: database, gateway, sandbox carrier; Ctrl-C stops it
	@exec $(VENV)/bin/clarion run $(ARGS)

check: $(READY) ## format, lint, types, layers of imports
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy --strict
	$(VENV)/bin/lint-imports

test: $(READY) $(SMSC_READY) ## all tests
	$(VENV)/bin/python -m pytest $(ARGS)

bench: $(READY) $(SMSC_READY) ## measure, beside Kannel where it is installed
	$(VENV)/bin/python -m bench $(ARGS)

lock: $(READY) ## compile the requirements again; ARGS=--upgrade for newer versions
	$(COMPILE) $(ARGS) -o requirements/run.txt
	$(COMPILE) $(ARGS) -c requirements/run.txt --group dev -o requirements/dev.txt
	cd $(SMSC) && npm install --package-lock-only --omit-lockfile-registry-resolved

$(READY): requirements/dev.txt pyproject.toml
	@$(VENV)/bin/python -c '' 2>/dev/null || PYTHON="$(PYTHON)" .ci/environment $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(VENV)/bin/python -m pip install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(SMSC_READY): $(SMSC)/package-lock.json | $(READY)
	@rm -rf $(SMSC)/node_modules
	$(VENV)/bin/python -c 'from tests.peers import smsc; smsc.packages()'
	@touch $@
