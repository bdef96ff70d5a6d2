PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint bench clean

demo: $(VENV)/installed
	$(BIN)/recval run dvr-ml100k

test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

test-slow: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed
	for script in $(filter-out benchmarks/harness.py, $(wildcard benchmarks/*.py)); do \
		OMP_NUM_THREADS=1 $(BIN)/python $$script --quick || exit 1; \
	done

# RecBole's metadata rules out Python 3.12 and later, although RecBole itself runs there: it is added without its needs.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('recbole') is None)" \
		|| $(BIN)/python -m pip install --quiet --no-deps recbole==1.2.1
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
