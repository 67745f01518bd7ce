# The course in two commands: `make lab` and `make test`. Each sets up first what is missing.
PYTHON ?= python3
SYSTEM ?= mask_rcnn
ARGS ?=
BIN := .venv/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup lab test test-quick lint notebooks train bench claims lock clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready ## make .venv/ with the locked libraries (run it again to repair a broken one)

# The stamp is touched last: a set-up that broke off leaves none, and the next run starts over.
.venv/.ready: requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" bash scripts/setup.sh

lab: setup ## open JupyterLab on the course
	$(BIN)/jupyter lab --ServerApp.root_dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

test: setup lint ## every test: package, notebooks, browser
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile $(ARGS)
	$(BIN)/python -m pytest notebooks --nbval -n $(WORKERS) --dist loadfile

test-quick: setup lint ## what a change most likely breaks, in at most five minutes
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile -m "not slow" $(ARGS)

lint: setup ## style of code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: setup ## run every notebook again and store its outputs
	$(BIN)/python -m lecturekit.notebooks $(ARGS)

train: setup ## train SYSTEM=mask_rcnn from scratch (ARGS="--full" for the shipped weights)
	$(BIN)/lecturekit train $(SYSTEM) $(ARGS)

bench: setup ## time everything side by side with others, and store the plot (some 20 minutes)
	$(BIN)/python -m benchmarks --out benchmarks/results.json --plot docs/benchmarks.png $(ARGS)

lock: .tools/bin/uv ## resolve the libraries anew, for pyproject.toml has changed
	.tools/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --extra dev \
	  --custom-compile-command "make lock" --upgrade pyproject.toml -o requirements.lock
	$(PYTHON) scripts/environment.py

.tools/bin/uv:
	@PYTHON="$(PYTHON)" bash scripts/setup.sh tools

clean: ## remove what set-up made
	rm -rf .venv .tools
