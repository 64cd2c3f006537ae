# Everything works from a bare clone: the first call makes .venv and installs, later ones start at once.
PYTHON ?= python3
BIN := .venv/bin
PARALLEL := -n auto --maxprocesses 8 --no-loadscope-reorder

.PHONY: help lab demo check test lint mutants notebooks bench site slides student test-matrix

help:
	@sed -n '/^make /p' README.md

lab: .venv/installed
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

demo: .venv/installed
	$(BIN)/python -m mae_lite reconstruct

# What to run before a commit: minutes, in as many processes as there are cores, one thread of torch each.
check: lint
	$(BIN)/python notebooks/build.py --check
	$(BIN)/python -m pytest $(PARALLEL) -q -m "not slow and not browser"

test: .venv/installed-dev
	$(BIN)/python -m pytest $(PARALLEL)

# Changes of a line of the package that some test must notice.
mutants: .venv/installed-dev
	$(BIN)/python tests/package_mutants.py

# With the oldest and the newest packages that pyproject.toml allows, each in an environment made and removed.
test-matrix:
	$(PYTHON) tests/matrix.py oldest
	$(PYTHON) tests/matrix.py newest

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Those whose source has changed; NOTEBOOKS=--all for all, or some by name.
notebooks: .venv/installed-dev
	$(BIN)/python notebooks/build.py $(NOTEBOOKS)
	$(BIN)/python notebooks/guides/quiz_bank.py

site: .venv/installed-dev
	$(BIN)/python notebooks/site/make_site.py

slides: .venv/installed-dev
	$(BIN)/python notebooks/slides/make_slides.py

student: .venv/installed-dev
	$(BIN)/python notebooks/site/student.py

# Records and table of this machine go to build/bench; those in assets/results were made in the same way.
bench: .venv/installed-dev
	mkdir -p build/bench
	set -e; for part in bundled peers shares pretraining scaling studies; do \
		$(BIN)/python benchmarks/$$part.py --json build/bench/bench-$$part.json; done
	$(BIN)/python benchmarks/table.py build/bench
	$(BIN)/python -m pytest -q tests/browser/test_lab.py -k key_press_to_new_picture

.venv/installed: pyproject.toml constraints.txt
	@echo Installing into .venv, once. This takes some minutes.
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@
