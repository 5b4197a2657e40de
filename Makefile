# One target an intention; `make help` lists them.
.DEFAULT_GOAL := help
.SHELLFLAGS := -euo pipefail -c
SHELL := bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PACK ?= ../shared/data

.PHONY: help
help:  ## list what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | sort | while IFS='|' read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done

.PHONY: install
install:  ## a virtual environment in .venv with all that development needs
	test -x .venv/bin/python || python3 -m venv .venv
	.venv/bin/pip install -c constraints.txt -e ".[test,lint,docs]"

.PHONY: test
test:  ## run the tests
	pytest -q

.PHONY: sklearn-full
sklearn-full:  ## every check of scikit-learn's suite for every method (slow)
	FULL_SKLEARN=1 pytest -q tests/test_contract.py

.PHONY: lint
lint:  ## style and formatting
	ruff check
	ruff format --check

.PHONY: format
format:  ## mend style and formatting
	ruff check --fix
	ruff format

.PHONY: types
types:  ## check types
	mypy

.PHONY: imports
imports:  ## check that imports go one way
	lint-imports --no-logo

.PHONY: docs
docs:  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

.PHONY: docs-serve
docs-serve:  ## read the documentation at http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 mkdocs serve

.PHONY: bench
bench:  ## time the library's parts (pytest-benchmark)
	pytest benchmarks -q --benchmark-only --benchmark-autosave

.PHONY: bench-page
bench-page:  ## write docs/benchmarks.md from benchmarks/results
	python tools/benchmarks_page.py

.PHONY: claims
claims:  ## run the claim of every paper and keep the results
	zorse reproduce --all

.PHONY: methods-page
methods-page:  ## write METHODS.md from the papers' cards
	python -c "from zorse.catalogue import markdown; print(markdown(), end='')" > METHODS.md.new
	mv METHODS.md.new METHODS.md

.PHONY: picture
picture:  ## take the README's picture of the demo's report (needs Chromium)
	tools/demo_picture

.PHONY: page-pictures
page-pictures:  ## take the guide's pictures of the service's page (needs Chromium and chromedriver)
	python tools/serve_pictures.py

.PHONY: mini
mini:  ## train the embedded model from the data pack (PACK=folder), resuming where it stopped
	python models/mini/train.py --pack $(PACK)

.PHONY: method
method:  ## write a new method and its test: make method name=eszsl family=compatibility
	python tools/new_method.py "$(name)" "$(family)"

.PHONY: changelog
changelog:  ## gather changelog.d into CHANGELOG.md for the version in the package
	towncrier build --yes

.PHONY: constraints
constraints:  ## write constraints.txt anew from a fresh installation, keeping torch where it is
	tools/pin_constraints

.PHONY: ci
ci:  ## what continuous integration runs, in a fresh virtual environment
	.ci/run
