# Every target sets up what it needs; none does anything twice.
#   make demo               one round of the loop, then the site         (ARGS="--rounds 2" and the like)
#   make test               the tests                                    (ARGS="tests/annotation -k lease" and the like)
#   make check              everything a change must pass
#   make chaos              raters at work while everything is killed (DURATION=60 SEED=1)
#   make bench NAME=lending one measurement; prints one JSON line last
#   make stop               end the embedded PostgreSQL and Redis

BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTHON := .venv/bin/python
ARGS ?=
# the small models of the tests are slower, not faster, when their threads fight over the cores
QUIET_CORES := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
CHECKING := DJANGO_SETTINGS_MODULE=config.test_settings

DURATION ?= 60
SEED ?= 1

.PHONY: setup demo test check chaos bench screenshots stop locks

setup: .venv/installed

.venv/installed: requirements/web.lock requirements/worker.lock requirements/dev.lock
	@test -n "$(BASE_PYTHON)" || { echo "Python 3.11 is not installed: apt-get install python3 python3-venv"; exit 1; }
	@test -x $(PYTHON) && $(PYTHON) -m pip --version >/dev/null 2>&1 || $(BASE_PYTHON) -m venv .venv \
		|| { echo "A virtual environment cannot be made: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check \
		-r requirements/web.lock -r requirements/worker.lock -r requirements/dev.lock
	@touch $@

demo: setup
	$(PYTHON) manage.py demo $(ARGS)

test: setup
	$(QUIET_CORES) $(PYTHON) -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal $(ARGS)

# the fastest first; stops at the first that fails
check: setup
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) static/vendor/htmx/upgrade-check.py templates static/js
	$(PYTHON) -m pytest --quiet tests/test_templates.py tests/test_architecture.py
	$(CHECKING) $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	$(PYTHON) -m mypy
	@$(MAKE) --no-print-directory test

bench: setup
	@test -n "$(NAME)" || { echo "Say which: make bench NAME=..., one of" $(sort $(basename $(notdir $(filter-out %/__init__.py,$(wildcard benchmarks/*.py)))) $(notdir $(patsubst %/__main__.py,%,$(wildcard benchmarks/*/__main__.py)))); exit 2; }
	$(QUIET_CORES) $(PYTHON) -m benchmarks.$(NAME) $(ARGS)

chaos: setup
	$(QUIET_CORES) $(PYTHON) -m tests.chaos --duration $(DURATION) --seed $(SEED) $(ARGS)

screenshots: setup
	$(PYTHON) -m tests.screenshots $(ARGS)

stop:
	$(PYTHON) -m config.embedded stop

# After a change to a requirements/*.in: each lock pins what it names and what that needs, and no path of this machine.
# torch is named by its release, not by a build of it: which build fits is the machine's business.
LOCK := $(PYTHON) -m piptools compile --quiet --strip-extras --allow-unsafe --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

locks: setup
	$(LOCK) --output-file requirements/web.lock requirements/web.in
	$(LOCK) --output-file requirements/worker.lock requirements/worker.in
	$(LOCK) --output-file requirements/dev.lock requirements/dev.in
	sed -i -e '/^#/d' -e '/^$$/d' -e 's/^\(torch==[0-9.]*\)+.*/\1/' requirements/*.lock
	@touch .venv/installed
