# Two targets do everything on a fresh machine: `make demo` and `make test`. Both make .venv and install into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
# Bytecode is written when a module is first used: a quarter of the installed size is never needed.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
DEMO_RANGE := 2025-12-01:2026-01-30

.PHONY: demo test check format docs pictures bench simulate crash wire clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v[:2] <= (3, 13) else "Python 3.11 - 3.13 is needed, this is %d.%d: make PYTHON=python3.11 ..." % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $(READY)

$(DEV): $(READY)
	$(INSTALL) --editable ".[dev]"
	$(INSTALL) --no-deps xtquant
	@touch $(DEV)

demo: $(READY)
	$(BIN)/bullet-trade live strategies/demo_strategy.py --broker simulator --replay $(DEMO_RANGE) --open

test: $(DEV)
	$(BIN)/python -m pytest

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The manual as a site that opens offline: build/site/index.html
docs: $(READY)
	$(INSTALL) --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(DEV)
	$(BIN)/python benchmarks/minute_replay.py
	$(BIN)/python benchmarks/idle_days.py
	$(BIN)/python benchmarks/tick_to_order.py
	$(BIN)/python benchmarks/synthetic_speed.py
	$(BIN)/python benchmarks/data_access.py
	$(BIN)/python benchmarks/recovery.py
	$(BIN)/python benchmarks/qmt_push.py
	$(BIN)/python benchmarks/remote.py

# The manual's pictures of the terminal, from the running program: docs/assets/*.svg
pictures: $(READY)
	$(BIN)/python docs/pictures.py

# Long runs: seeded days with faults, a real process killed again and again, whole days over a bad line to a server.
SEEDS ?= 1000
KILLS ?= 200
DAYS ?= 60

simulate: $(DEV)
	$(BIN)/python -m bullet_trade.testing.simulation --seeds $(SEEDS)

crash: $(DEV)
	$(BIN)/python tests/crash/suite.py --kills $(KILLS)

wire: $(DEV)
	$(BIN)/python tests/server/long_day.py --days $(DAYS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
