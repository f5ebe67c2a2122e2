# Every target installs what it needs into .venv, and only that. PYTHON=… chooses the interpreter,
# ARGS=… goes to the command: make test ARGS="-k contract", make repro ARGS=--force.

.DEFAULT_GOAL := help
.PHONY: help repro review resolve-lock test check format documents reproduce lock environment \
	build-environment review-environment clean

ARGS ?=

# `python` and `dvc` are those of .venv, for stages and for whatever they start.
IN_VENV = PATH="$$PWD/.venv/bin:$$PATH"
CODE = src benchmarks scripts docs/pictures docs/tables
LOCK = uv pip compile --no-config --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{ printf "%-19s %s\n", $$1, $$2 }'

repro: build-environment  ## Run the pipeline: collect, prepare, train, evaluate, export
	@$(IN_VENV) dvc repro $(ARGS)
	@$(IN_VENV) python -m perennial.stages.summary

review: review-environment  ## Run the pipeline, gate it, and say what changed since BASE=origin/main
	@$(IN_VENV) scripts/review

resolve-lock: build-environment  ## In a merge: compute dvc.lock and metrics/, where they conflict
	@$(IN_VENV) python scripts/resolve_lock.py

test: environment  ## Run the tests
	@$(IN_VENV) python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: environment  ## Lint, types, import contracts, CI's files, deps in dvc.yaml, and the locks
	@$(IN_VENV) ruff check
	@$(IN_VENV) ruff format --check
	@$(IN_VENV) mypy $(CODE)
	@$(IN_VENV) lint-imports --no-logo
	@$(IN_VENV) python -m perennial.review.verify.closure --check
	@$(IN_VENV) python scripts/check_locks.py
	@$(IN_VENV) check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(IN_VENV) check-jsonschema --quiet --builtin-schema vendor.gitlab-ci .gitlab-ci.yml
	@if command -v actionlint >/dev/null; then actionlint; fi  # no package carries it; CI has it

format: environment  ## Format the code, and repair what lint can repair
	@$(IN_VENV) ruff check --fix-only --quiet
	@$(IN_VENV) ruff format

documents: environment  ## Write the reference pages, the schemas and the README's picture
	@$(IN_VENV) python docs/tables/parameters.py
	@$(IN_VENV) python docs/pictures/result.py
	@$(IN_VENV) python docs/tables/estimators.py

reproduce: environment  ## Prove that other threads, seeds, folders and Pythons give the same bytes
	@$(IN_VENV) python benchmarks/reproduce.py $(ARGS)

lock:  ## Compile the requirement locks with uv; ARGS=--upgrade for the newest versions
	@command -v uv >/dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 2; }
	@cd requirements && for name in build live live-onnx live-skops live-arrow land live-postgres review dev; do \
		$(LOCK) $(ARGS) $$name.in --output-file $$name.txt || exit; done

environment:  ## Install what development needs into .venv, and nothing else
	@scripts/environment requirements/dev.txt

build-environment:
	@scripts/environment requirements/build.txt

# What the pipeline needs, and what draws.
review-environment:
	@scripts/environment requirements/review.txt

clean:  ## Remove .venv and caches; never data, models or DVC's cache
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis \
		.coverage .coverage.* htmlcov build dist
	@find . -name .git -prune -o -path ./.dvc -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
