# Everything that one does with a checkout. `make` alone lists it.
# The environment is passed on: HELIUM_PORT, HELIUM_HOME, OPENAI_API_KEY, … (docs/reference/settings.md).

PYTHON ?= python3
PREPARE = $(PYTHON) scripts/prepare.py
BIN = $(CURDIR)/.venv/bin
TFCHECK = $(CURDIR)/../shared/terraform/tfcheck
NPM = $(PYTHON) $(CURDIR)/scripts/npm.py
UV = UV_PYTHON_DOWNLOADS=never $(BIN)/uv
COMPILE = $(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11
# No unit tests: whole installations, and what an operator has, whose tests take as long as all the others.
WHOLE = e2e recovery upgrade images infra monitoring plan release delivery
NO_SERVERS = not postgres and not process and not browser and not service and not terraform and not image and not slow

# A machine may be set to keep no compiled Python; then all tests are compiled anew each time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run page check types units test test-slow test-all bench chaos rolling rehearse image image-check infra-check mutate fmt lock contracts doctor clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, then start Helium and print its address
	@$(PREPARE) run
	@exec $(BIN)/helium up

page: ## build the web page (frontend/out)
	@$(PREPARE) page

check: ## format, lint, types, imports, sizes, and the unit tests: a minute
	@$(PREPARE) test
	@cd backend && $(BIN)/ruff format --check -q . ../scripts ../.github/scripts ../infra/images
	@cd backend && $(BIN)/ruff check -q . ../scripts ../.github/scripts ../infra/images
	@cd backend && $(BIN)/lint-imports --config .importlinter
	@$(BIN)/python scripts/sizes.py
	@$(MAKE) --no-print-directory -j 2 types units

types: ## the types alone
	@cd backend && $(BIN)/pyright

units: ## the unit tests alone
	@cd backend && $(BIN)/python -m pytest -q -m "$(NO_SERVERS)" $(WHOLE:%=--ignore=tests/%)

test: ## install what is missing, then run all tests, the page's too
	@$(PREPARE) test
	@failed=0; \
	$(NPM) run typecheck || failed=1; \
	$(NPM) run lint || failed=1; \
	$(NPM) test || failed=1; \
	(cd backend && $(BIN)/python -m pytest -n 4 --dist worksteal -m "not terraform and not image and not slow" $(PYTEST)) || failed=1; \
	exit $$failed

test-slow: ## releases that are killed, upgrades, moves between clouds, runbooks: some minutes
	@$(PREPARE) test
	@cd backend && $(BIN)/python -m pytest -n 4 --dist worksteal -m "slow and not terraform" $(PYTEST)

test-all: check ## the checks, all tests, and the page in a real browser
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-slow
	@$(BIN)/python frontend/e2e/check_page.py
	@$(BIN)/python frontend/e2e/check_other_origin.py

bench: ## the benchmark, in one process and in several, idle viewers, the cost of observation; writes docs/benchmarks
	@$(PREPARE) test
	@cd backend && $(BIN)/python -m bench --name one-process $(BENCH)
	@cd backend && $(BIN)/python -m bench --name api-and-worker --servers bare,split $(BENCH)
	@cd backend && $(BIN)/python -m bench.viewers
	@cd backend && $(BIN)/python -m bench --name observation --levels n200,n1000,p1000 --servers dark,observed --repeats 1 --times 5 $(BENCH)

chaos: ## processes, Redis and PostgreSQL die under load; writes docs/benchmarks
	@$(PREPARE) test
	@cd backend && $(BIN)/python -m chaos $(CHAOS)

rolling: ## replace every process under 1,000 streams and 200 requests a second; writes docs/benchmarks
	@$(PREPARE) test
	@cd backend && $(BIN)/python -m chaos.rolling $(ROLLING)

rehearse: ## a migration in all its phases under load; writes docs/benchmarks
	@$(PREPARE) test
	@cd backend && $(BIN)/python -m chaos.migration $(REHEARSE)

image: ## build the backend's image with buildah, as root
	@$(PREPARE) test
	@$(BIN)/python scripts/build_image.py

image-check: ## build the backend's image, run it and look into it, as root: some minutes
	@$(PREPARE) test
	@cd backend && $(BIN)/python -m pytest -q -s tests/images

infra-check: ## names, syntax, tests and a mock apply of the Terraform of both clouds: some minutes
	@$(PREPARE) test
	@$(BIN)/python scripts/check_infra_names.py
	@[ ! -x $(TFCHECK) ] || $(TFCHECK) --test infra/modules/*/* infra/stacks/*
	@cd backend && $(BIN)/python -m pytest -q tests/infra

mutate: ## take away each guard in turn; the tests must notice; writes docs/benchmarks
	@$(PREPARE) test
	@$(BIN)/python scripts/mutate.py $(GUARD)

fmt: ## format, and mend what can be mended
	@cd backend && $(BIN)/ruff check --fix -q . ../scripts ../.github/scripts ../infra/images; $(BIN)/ruff format -q . ../scripts ../.github/scripts ../infra/images

lock: ## renew the lock files from the .in files
	@$(PREPARE) test
	@$(COMPILE) backend/bootstrap.in -o backend/bootstrap.lock
	@$(COMPILE) backend/node.in -o backend/node.lock
	@$(COMPILE) backend/fakes.in -o backend/fakes.lock
	@$(COMPILE) backend/checkov.in -o backend/checkov.lock
	@$(COMPILE) backend/requirements.in -o backend/requirements.lock
	@$(COMPILE) backend/requirements-cloud.in backend/requirements.in -c backend/requirements.lock -o backend/requirements-cloud.lock
	@$(COMPILE) backend/requirements-dev.in -c backend/requirements-cloud.lock -o backend/requirements-dev.lock
	@$(NPM) install --package-lock-only --ignore-scripts
	@$(BIN)/python scripts/complete_npm_lock.py

contracts: ## write what is made from code: settings, API description, …
	@$(PREPARE) test
	@set -e; for script in scripts/generate_*.py scripts/write_*.py; do \
		[ ! -e "$$script" ] || $(BIN)/python "$$script"; done

doctor: ## say what is set, missing, reachable, and what to do
	@$(PREPARE) run
	@$(BIN)/helium doctor

clean: ## delete what was installed and built; data stays
	@rm -rf .venv .venv-node .helium frontend/node_modules frontend/.next frontend/out
