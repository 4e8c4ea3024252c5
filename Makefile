# The commands of this project. Each first does what set-up is still missing, and only that.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-cluster check clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the environment, the tools and the models, where missing
	@jobs/setup/bootstrap.sh

demo: setup ## from crawl to trained model, with a report at its end
	@.venv/bin/altiplano demo

test: setup ## the tests that need no cluster; ARGS='-k name' to choose
	@jobs/setup/browser.sh
	@.venv/bin/python -m pytest -m "not cluster" -n 2 --dist loadgroup $(ARGS)

test-cluster: setup ## the tests on a real Spark standalone cluster and a real SLURM
	@jobs/setup/slurm.sh install
	@.venv/bin/python -m pytest -m cluster tests/cluster $(ARGS)

check: setup ## lint, format, types and import directions
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m mypy
	@.venv/bin/lint-imports

clean: ## remove what set-up made and the caches; runs/ stays
	rm -rf .venv .altiplano build *.egg-info .pytest_cache .mypy_cache .ruff_cache \
	    .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
