# Python 3.11+ and make are all it needs; everything else comes from the lock.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/sh

# What pip says goes to a log; who has no network gets a sentence.
define fetch
@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes --no-deps --only-binary :all: -r $(1) >.venv/pip.log 2>&1 || { \
	echo "依赖未能安装：需要网络或 pip 可用的镜像，恢复后重试 / $(1) could not be installed: it needs the network, or a mirror that pip knows; try again when it is there. Log: .venv/pip.log" >&2; exit 1; }
endef

.PHONY: help install demo test fuzz bench browser docs lock clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*##/\1 -/p' Makefile

.venv/.run: lock/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ecops needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing what lock/run.txt names (once) ..." >&2
	$(call fetch,lock/run.txt)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@$(BIN)/python -m ecops.orchestration.server --prepare >/dev/null
	@touch $@

.venv/.test: .venv/.run lock/test.txt
	@echo "installing what lock/test.txt names (once) ..." >&2
	$(call fetch,lock/test.txt)
	@touch $@

install: .venv/.run  ## make .venv from the lock alone

demo: .venv/.run  ## everything embedded, a demo shop, Double 11 launched; Ctrl-C stops all of it
	@$(BIN)/ecops up --demo

browser: .venv/.test  ## find or install a Chromium for the browser tests
	@$(BIN)/python -m tests.browser

test: .venv/.test browser  ## all tests, the browser's too
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

MINUTES ?= 10
fuzz: .venv/.test  ## random and damaged files imported for MINUTES (10), every row accounted for
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

bench: .venv/.test  ## the benchmarks, as ratios in one run
	@$(BIN)/python -m tests.bench

docs: .venv/.test  ## write the generated parts of docs/data.md
	@$(BIN)/python -m tests.generated_docs

lock: .venv/.run  ## resolve lock/*.in anew (asks the registry)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --universal --no-strip-extras --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 lock/run.in -o lock/run.txt --quiet --upgrade
	@$(BIN)/uv pip compile --universal --no-strip-extras --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 lock/test.in -o lock/test.txt --quiet --upgrade

clean:  ## remove what make install made
	rm -rf .venv
