PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint app bench clean

demo: $(READY)  ## build the bundled data set's warehouse, print the leaderboard, serve the dashboard
	$(BIN)/ssl-attn demo $(ARGS)

test: $(READY)  ## everything CI runs: lint, types, walls, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 $(ARGS)

lint: $(READY)  ## mend what a tool can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

app: $(READY)  ## the dashboard on the default store
	$(BIN)/ssl-attn app $(ARGS)

bench: $(READY)  ## the speed benchmarks
	$(BIN)/ssl-attn bench extract $(ARGS)
	$(BIN)/ssl-attn bench score $(ARGS)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
