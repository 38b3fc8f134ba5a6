# reelhouse: make help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export LIBRARY
export VENV

.DEFAULT_GOAL := help
.PHONY: help demo refresh ui notebook test check style bench lab lock clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  ARGS='...' is passed on: make refresh LIBRARY=/videos ARGS='--set scrape.language=de-DE'"
	@echo "  PYTHON=python3.13 chooses the interpreter (3.11 to 3.13), VENV=folder the environment."

demo: $(VENV)/.run ## make a toy library, refresh it, show the report (a few minutes, no key, nothing outside this folder)
	@$(BIN)/reelhouse demo $(ARGS)

refresh: $(VENV)/.run ## refresh your own library: make refresh LIBRARY=/path/to/videos
	@test -n "$$LIBRARY" || { echo "say which folder: make refresh LIBRARY=/path/to/videos"; exit 2; }
	@$(BIN)/reelhouse refresh "$$LIBRARY" $(ARGS)

ui: $(VENV)/.run ## open the Prefect UI with the history of your runs (demo runs: ARGS=--demo)
	@$(BIN)/reelhouse ui $(ARGS)

notebook: $(VENV)/.notebook ## open the notebooks in Jupyter
	@$(BIN)/jupyter lab notebooks $(ARGS)

# A process more than there are cores, as tests of whole refreshes wait a third of their time, but few: each that gets
# such tests has a Prefect server of its own (300 MB).
# The tests of a file stay together, as they share what takes long to make; files in their order, as the long ones of
# tests/flows should not come last. In one process, for a debugger: make test ARGS='-n 0 tests/probe'
PARALLEL := -n $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 3 ? n + 1 : 4))) --dist loadfile --no-loadscope-reorder

# mypy is one process for the better part of a minute: the tests begin beside it, and fail at their end if it found fault.
test: style ## all checks and tests (the first time, minutes more for the tools)
	@$(BIN)/mypy & types=$$!; $(BIN)/python -m pytest $(PARALLEL) $(ARGS); tests=$$?; wait $$types && exit $$tests

check: style ## style and types only
	@$(BIN)/mypy

style: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

bench: $(VENV)/.run ## measure refreshes and the disk stages, print the tables of the README (one part: ARGS='--only probe')
	@$(BIN)/reelhouse budgets $(ARGS)

lab: $(VENV)/.run ## compare old ways of working with ours on small libraries, a quarter of an hour (one: ARGS="d4 --rounds 5")
	@if [ -n "$(ARGS)" ]; then $(BIN)/reelhouse benchmark $(ARGS); \
		else $(BIN)/reelhouse benchmark tiny d0 d2 && $(BIN)/reelhouse benchmark --show; fi

lock: ## resolve requirements/*.lock anew from pyproject.toml
	@requirements/lock.sh

clean: ## remove the environment (your data stays)
	rm -rf $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml
	@requirements/install.sh run

$(VENV)/.notebook: requirements/notebook.lock $(VENV)/.run
	@requirements/install.sh notebook

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@requirements/install.sh dev
