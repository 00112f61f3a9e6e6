# Every target sets itself up: make test on a fresh clone is enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed-$(shell cksum pyproject.toml | cut -d ' ' -f 1)

.PHONY: setup demo test check test-long bench docs clean

setup: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tuneworks needs Python 3.11 or newer; this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[test]'
	rm -f $(VENV)/installed-*
	touch $@

$(VENV)/postgresql: $(STAMP)  # a real server for tests; without leave to install it they skip
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || test $$(id -u) -ne 0 || (apt-get update --quiet=2 && apt-get install --quiet=2 --yes postgresql)
	touch $@

demo: $(STAMP)  ## the whole life of a model, on real data, in two languages
	$(BIN)/python examples/demo.py

test: $(STAMP) $(VENV)/postgresql  ## every promise, without the long runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile

check: $(STAMP)  ## format, lint, types and the rules of the house; under 20 seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/house

test-long: $(STAMP) $(VENV)/postgresql  ## crash, fuzz and quality runs too
	$(BIN)/python -m pytest

bench: $(STAMP)  ## speed and quality figures
	$(BIN)/python -m bench

docs: $(STAMP)  ## write the reference pages anew
	$(BIN)/python -m tests.docs.reference

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
