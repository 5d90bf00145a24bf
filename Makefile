.DEFAULT_GOAL := help
PY := .venv/bin/python
UV := $(shell command -v uv 2>/dev/null)
STAMP := .venv/.ready
# Measuring coverage doubles the time of the tests: CI does, and whoever says COVERAGE=1.
COVERAGE ?= $(CI)
# Real processes on a busy machine: what fails is run once more, and the report says so.
AGAIN := --reruns 1 --reruns-delay 1

.PHONY: help setup run test test-slow lint format types contracts bench load docs golden openapi lock

help: ## Show this help
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(STAMP) ## Create or update .venv with everything development needs

$(STAMP): pyproject.toml requirements.lock
ifdef UV
	@test -x $(PY) || uv venv --quiet .venv
	@uv pip install --quiet --python $(PY) -r requirements.lock
	@uv pip install --quiet --python $(PY) --no-deps -e .
else
	@test -x $(PY) || python3 -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
endif
	@touch $(STAMP)

run: setup ## Serve on port 8787 with an embedded database and the sample catalogue
	@BOOKSTRACK_SAMPLE_DATA=$${BOOKSTRACK_SAMPLE_DATA:-true} BOOKSTRACK_LOG_FORMAT=$${BOOKSTRACK_LOG_FORMAT:-text} .venv/bin/bookstrack serve

test: setup ## Run the tests (under 10 minutes on two cores)
	@$(PY) -m pytest -n 3 -m "not slow" -q $(AGAIN) $(if $(COVERAGE),--cov --cov-report=)
	@$(if $(COVERAGE),$(PY) tests/floors.py,true)

test-slow: setup ## Run the long tests: kill sweeps, fuzzing, load
	@$(PY) -m pytest -m slow -q --timeout 1800 --durations 15 $(AGAIN)

lint: setup ## Check style
	@.venv/bin/ruff check src tests bench docs/generate.py
	@.venv/bin/ruff format --check src tests bench docs/generate.py

format: setup ## Repair style
	@.venv/bin/ruff check --fix -q src tests bench docs/generate.py
	@.venv/bin/ruff format -q src tests bench docs/generate.py

types: setup ## Check types
	@.venv/bin/basedpyright --level error

contracts: setup ## Check which package may import which
	@.venv/bin/lint-imports

bench: setup ## Measure speed and memory as ratios taken in one run
	@$(PY) -m bench

load: setup ## Run the load profile of the founding plan (2 minutes)
	@$(PY) -m bench.load

docs: setup ## Rewrite the reference pages that are made from the code
	@$(PY) docs/generate.py

golden: setup ## Rewrite golden files; review the diff
	@$(PY) -m pytest tests -q --update-golden

openapi: setup ## Print the OpenAPI document
	@.venv/bin/bookstrack openapi

lock: ## Pin every dependency anew
	@uv pip compile --quiet --universal --all-extras --group dev --no-emit-index-url --no-emit-find-links --no-annotate --no-header --custom-compile-command "make lock" -o requirements.lock pyproject.toml
