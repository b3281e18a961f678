# Every target needs nothing but Python 3.11 or newer with venv; the environment is made on first use.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-long lint readme clean

demo: .venv/made
	@rm -rf demo
	$(BIN)/flori train lenet data=digits steps=500 batch=128 lr=0.01 data.shift=1 --run demo/run
	$(BIN)/flori evaluate demo/run
	@$(BIN)/flori data digits --pictures demo/pictures > /dev/null
	$(BIN)/flori predict demo/run demo/pictures
	@echo "The report, with curves, confusions and mistakes: demo/run/report.html"

test: .venv/made
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not long" -n 2

test-long: .venv/made
	$(BIN)/python -m pytest -m long

lint: .venv/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

readme: .venv/made
	$(BIN)/python -m flori.recipes.table README.md

.venv/made: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@

clean:
	rm -rf .venv demo
