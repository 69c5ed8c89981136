# Two commands for everybody: `make demo` and `make test`. Each sets itself up.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2])' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench docs coverage format clean

demo: $(READY)
	$(BIN)/mineeco demo --out out/demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Kernels count as covered only when numba does not compile them.
coverage: $(READY)
	NUMBA_DISABLE_JIT=1 MINEECO_EXAMPLES=5 $(BIN)/python -m pytest tests/kernels \
		-W "ignore:overflow encountered:RuntimeWarning" --cov=mineeco_xr.kernels --cov-report=term-missing

bench: $(READY)
	$(BIN)/python -m benchmarks

docs: $(VENV)/.docs-ready
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.docs-ready: $(READY) requirements-docs.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.lock
	@touch $@

clean:
	rm -rf $(VENV) out build *.egg-info docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
