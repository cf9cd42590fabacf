# Each target sets up what it needs in .venv, then runs one Python command; without make, run these two:
#   python -m pip install -c constraints.txt "torch==2.13.0" -e ".[dev]"
#   hqsam demo   or   python -m tests   or   python -m benchmarks   or   python -m docs.site

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test bench docs clean

demo: $(INSTALLED)
	$(BIN)/hqsam demo

test: $(INSTALLED)
	$(BIN)/python -m tests

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

docs: $(INSTALLED)
	$(BIN)/python -m docs.site

clean:
	rm -rf .venv out dist build .pytest_cache .hypothesis .ruff_cache .import_linter_cache

# torch is named in the same call as hqsam, so that pip settles on one build of it: the CPU build where one is at hand.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt "torch==2.13.0" --editable ".[dev]"
	@touch $@

# Debian's Python cannot put pip into a new environment unless python3-venv is installed; the pip that is there can.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and \
		"hqsam needs Python 3.10 or later; %s is %d.%d (try: make PYTHON=python3.12)" % (sys.executable, *sys.version_info[:2]))'
	@echo "Setting up .venv; the first time this downloads torch and takes some minutes."
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip .venv && \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check \
			--target "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" pip; } || \
		{ rm -rf .venv; exit 1; }
