# Every target works from a clean clone with Python 3.11 or newer and make.
# uv is used where it is installed; pip does the same job otherwise.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo serve test check format bench bench-peers soak picture ci system lock clean

VENV := .venv
RUN := $(VENV)/bin

# Debian packages that some stages of `make test` need; `make ci` installs them.
SYSTEM_PACKAGES := chromium fonts-crosextra-caladea fonts-inter fonts-jetbrains-mono gcc libc6-dev \
	poppler-utils prometheus qpdf spin

# The first Python on PATH that runs and is new enough; empty if there is none.
FIND_PYTHON = for python in python3.11 python3 python3.14 python3.13 python3.12; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& break || python=; done

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## make .venv with everything pinned; leaves .venv/bin/firstry

demo: setup ## simulated Forge and Jira: 24 hours of reports in about 15 seconds
	@$(RUN)/firstry demo

serve: setup ## run the service on loopback, with keys and a platform for development
	@$(RUN)/firstry serve --dev

test: setup ## run every stage and end with a table (V=1 shows all output)
	@$(RUN)/python tests/stages.py $(if $(V),--verbose) $(STAGES)

check: setup ## the fast gate: format, lint, types, imports, house rules, unit tests
	@$(RUN)/python tests/stages.py --fast $(if $(V),--verbose)

format: setup ## put the code into shape
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .

bench: setup ## measure firstry against the raw limit (SUBJECTS="drain idle": some; BENCH_TENANTS=1000000: full size)
	@PYTHONPATH=tests $(RUN)/python -m bench $(SUBJECTS)

bench-peers: setup ## measure firstry beside other queues, each in an environment of its own
	@PYTHONPATH=tests $(RUN)/python -m bench.peers

soak: setup ## run the long sizes of every proof, over an hour (ARGS="postgres --minutes 10")
	@$(RUN)/python tests/soak.py $(ARGS)

picture: setup ## make the pictures in docs/images anew, in a real Chromium
	@$(RUN)/pytest --quiet tests/browser -k "picture_of_the_readme or light_dark or one_by_one"
	@cp build/screens/report.png docs/images/report.png
	@mkdir -p docs/images/jira && cp build/screens/jira/*.png docs/images/jira/
	@mkdir -p docs/images/console && cp build/screens/console/*.png docs/images/console/

ci: system ## what continuous integration runs: system packages, then make test
	@$(MAKE) --no-print-directory test

lock: ## pin the dependencies of pyproject.toml anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --group dev --quiet $(if $(UPGRADE),--upgrade) \
		pyproject.toml --output-file requirements.lock

clean: ## remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist \
		forge-app/node_modules forge-app/static/*/dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# A new lock means a new environment, so that nothing stays in it unpinned.
$(VENV)/.locked: requirements.lock
	@set -e; $(FIND_PYTHON); uv=$$(command -v uv || true); \
	if [ -z "$$uv$$python" ]; then \
		echo "firstry needs Python 3.11 or newer, and found none: install python3.11," \
			"or uv, which brings one" >&2; exit 1; \
	fi; \
	rm -rf $(VENV); \
	if [ -n "$$uv" ]; then \
		echo "making $(VENV) with uv"; \
		uv venv --quiet --python "$${python:-3.11}" $(VENV); \
		uv pip install --quiet --python $(RUN)/python --require-hashes -r requirements.lock; \
	else \
		echo "making $(VENV) with $$python and pip"; \
		$$python -m venv $(VENV) || { echo "$$python cannot make an environment:" \
			"install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }; \
		$(RUN)/python -m pip install --quiet --disable-pip-version-check \
			--require-hashes -r requirements.lock; \
	fi
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@if command -v uv >/dev/null; then \
		uv pip install --quiet --python $(RUN)/python --no-deps --no-build-isolation --editable .; \
	else \
		$(RUN)/python -m pip --version >/dev/null 2>&1 || $(RUN)/python -m ensurepip >/dev/null; \
		$(RUN)/python -m pip install --quiet --disable-pip-version-check \
			--no-deps --no-build-isolation --editable .; \
	fi
	@touch $@

# A package that cannot be had is no error here: its stage is then NOT RUN and says so.
system:
	@missing=; for package in $(SYSTEM_PACKAGES); do \
		dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "no apt-get here, so not installed:$$missing" >&2; exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif sudo -n true 2>/dev/null; then sudo="sudo -n"; \
	else echo "neither root nor sudo, so not installed:$$missing" >&2; exit 0; fi; \
	apt="$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq"; \
	{ $$apt update && $$apt install -y --no-install-recommends $$missing; } \
		|| echo "apt-get did not install:$$missing" >&2
