# `make demo` and `make test` set everything up themselves; `make help` lists the targets.
SHELL := /bin/bash
VENV := .venv
STAMP := $(VENV)/.setup-done
SEED ?= 0
OUT ?= runs/demo
# One OpenMP thread a process: spinning teams on a few shared cores are many times slower.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-isaaclab lint clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

setup: $(STAMP) ## Make .venv with the library in it (CPU torch where there is no GPU)

$(STAMP): pyproject.toml tools/setup.sh
	tools/setup.sh $(VENV)
	@touch $@

demo: $(STAMP) ## Run the whole pipeline on the built-in motions, or go on with it: 15 minutes on two cores (SEED=0)
	$(VENV)/bin/python tools/pipeline.py --config configs/pipeline/demo.yaml --out $(OUT) --seed $(SEED) --jobs 2 --resume

lint: $(STAMP) ## Check style and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

test: lint ## Lint, then run all tests
	$(VENV)/bin/python -m pytest -n 2

ISAACLAB := .venv-isaaclab
PARITY := build/parity.npz

$(ISAACLAB)/.setup-done: pyproject.toml tools/setup_isaaclab.sh
	PYTHON312="$(PYTHON312)" tools/setup_isaaclab.sh $(ISAACLAB)
	@touch $@

test-isaaclab: $(STAMP) $(ISAACLAB)/.setup-done ## Test the Isaac Lab shell, in an environment of its own (7.8 GB)
	@mkdir -p $(dir $(PARITY))
	$(VENV)/bin/python -m tests.isaaclab.write_parity $(PARITY)
	ATHENA_PARITY=$(PARITY) $(ISAACLAB)/bin/python -m pytest tests/isaaclab tests/test_isaaclab_launch.py
	ATHENA_PARITY=$(PARITY) $(ISAACLAB)/bin/python -m pytest tests/isaacsim
	ATHENA_PARITY=$(PARITY) $(VENV)/bin/python -m pytest tests/sim/test_from_isaaclab.py

clean: ## Remove .venv, caches and build products; runs/ stays
	rm -rf $(VENV) $(ISAACLAB) build dist .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
