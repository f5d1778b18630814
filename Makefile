# Turnstile. `make` lists the targets. Everything runs in .venv; PYTHON chooses the interpreter it is made with.

PYTHON ?= python3
SEEDS ?= 2000
EXAMPLES ?= 10
PROPERTIES ?= tests/properties tests/unit tests/server
# Two at a time: those with the running server by one of them, of the others each file. A third has what they
# leave of the cores, for what only computes (tests/workers.py).
TESTERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := domain persistence actors server loadtest

.DEFAULT_GOAL := help
.PHONY: help install serve test properties lint format types imports check load bench bench-door simulate measure-log-in \
	simulate-payments payments-1000 stripe stripe-test faults mail-proof webhook-proof audit lock env-example clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv from requirements.lock (quick when nothing has changed)

# uv is fetched by pip where it is missing; where it cannot be had, pip installs the same files, only slower.
# Bytecode is made at once, as pip does, of our own code too (some environments forbid Python to write any later):
# with it a process imports in less than half the time, at each start.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "make: $(PYTHON) must be Python 3.11, 3.12 or 3.13; choose one with PYTHON=..." >&2; exit 1; }
	@echo "Making $(VENV) (once; about 900 MB)"
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "make: no virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@command -v uv >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	@if command -v uv >/dev/null 2>&1; then uv=uv; elif [ -x $(BIN)/uv ]; then uv=$(BIN)/uv; else uv=; fi; \
	if [ -n "$$uv" ]; then \
		export UV_SYSTEM_CERTS=1; "$$uv" pip install --python $(BIN)/python --compile-bytecode \
			--require-hashes -r requirements.lock \
		&& "$$uv" pip install --python $(BIN)/python --no-deps --no-build-isolation --quiet -e . ; \
	else \
		$(BIN)/python -m pip install --require-hashes --progress-bar on -r requirements.lock \
		&& $(BIN)/python -m pip install --no-deps --no-build-isolation --quiet -e . ; \
	fi
	@$(BIN)/python -m compileall -q $(CODE)
	@touch $(STAMP)

serve: install ## start everything; Ctrl-C stops it, the data stays in .turnstile/
	@exec $(BIN)/turnstile serve

# pytest keeps what it compiles, here too where the environment forbids Python to write bytecode.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $(TESTERS) --dist loadfile --no-loadscope-reorder

test: install ## every test
	$(PYTEST) tests

properties: install ## the random tests with EXAMPLES=n times as many, from a new seed (SEED=n: play one again)
	@seed=$(SEED); seed=$${seed:-$$($(BIN)/python -c 'import secrets; print(1 + secrets.randbelow(2**31))')}; \
	again="make properties EXAMPLES=$(EXAMPLES) SEED=$$seed PROPERTIES='$(PROPERTIES)'"; echo "$$again"; \
	PROPERTIES_EXAMPLES=$(EXAMPLES) PROPERTIES_SEED=$$seed \
	$(PYTEST) -m hypothesis --hypothesis-seed=$$seed $(PROPERTIES) || { echo "Again: $$again"; exit 1; }

lint: install ## ruff: rules and format
	$(BIN)/ruff check $(CODE) tests
	$(BIN)/ruff format --check $(CODE) tests

format: install ## ruff: put right what can be
	$(BIN)/ruff check --fix $(CODE) tests
	$(BIN)/ruff format $(CODE) tests

types: install ## mypy, strict
	$(BIN)/mypy

imports: install ## import-linter: who may import whom
	$(BIN)/lint-imports

check: lint types imports ## lint, types and imports

load: install ## an on-sale with Locust against the running server, audited (OPTIONS="--users 500 ...")
	$(BIN)/python -m loadtest.load $(OPTIONS)

bench: install ## measure beside the usual ways of selling a ticket; writes docs/benchmarks/
	$(BIN)/python -m loadtest.bench $(OPTIONS)

bench-door: install ## 200 scans a second by a staff of twenty, audited (OPTIONS="--rate 100 --seconds 10")
	$(BIN)/python -m loadtest.bench.door $(OPTIONS)

simulate: install ## deterministic simulation: SEEDS=n seeds, or OPTIONS="--seed n" to replay one
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(OPTIONS)

measure-log-in: install ## whether the time of a refused log-in tells who has an account (100 tries of each)
	$(BIN)/python -m tests.server.measure_log_in $(OPTIONS)

simulate-payments: install ## payments through every fault on virtual time, about seven a seed (SEEDS=n)
	PAYMENT_SEEDS=$(SEEDS) $(BIN)/python -m pytest -q -s tests/simulation/test_payments.py tests/simulation/test_purchases.py tests/simulation/test_wallets.py

stripe: install ## Stripe's library into .venv, for TURNSTILE_STRIPE_SECRET_KEY
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements-stripe.lock

stripe-test: install ## the provider Stripe against localstripe, which gets an environment of its own in .venv-stripe
	@test -x .venv-stripe/bin/python || $(PYTHON) -m venv .venv-stripe
	@.venv-stripe/bin/python -m pip install --quiet --disable-pip-version-check -r tests/stripe/requirements.txt
	@.venv-stripe/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--upgrade --target .venv-stripe/library -r requirements-stripe.lock
	LOCALSTRIPE=.venv-stripe/bin/python PYTHONPATH=.venv-stripe/library $(BIN)/python -m pytest -q tests/stripe

payments-1000: install ## 1,000 payments on real servers, with kills meanwhile; the auditor after them
	PAYMENTS=1000 $(BIN)/python -m pytest -q -s tests/integration/test_payments.py

faults: install ## kill owners, PostgreSQL, Redis and front ends under load; the auditor after each
	$(BIN)/python -m loadtest.faults $(OPTIONS)

audit: install ## known vulnerabilities in what requirements.lock pins (asks pypi.org)
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.tools.dependency_audit

mail-proof: install ## 10,000 mails while the news actor is killed 20 times (OPTIONS="--facts 1000 ...")
	$(BIN)/python -m tests.mail.proof $(OPTIONS)

webhook-proof: install ## 3,000 facts to three receivers while the news actor is killed 20 times (OPTIONS="--reservations 100 ...")
	$(BIN)/python -m tests.webhooks.proof $(OPTIONS)

lock: ## pin the newest allowed versions into requirements.lock (needs uv)
	uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --extra dev \
		--no-emit-index-url --no-emit-find-links --no-emit-build-options \
		--custom-compile-command "make lock" pyproject.toml --output-file requirements.lock
	echo "stripe>=16.1,<17" | uv pip compile --quiet --upgrade --no-deps --universal --generate-hashes \
		--python-version 3.11 --no-emit-index-url --no-emit-find-links --no-emit-build-options \
		--custom-compile-command "make lock" - --output-file requirements-stripe.lock

env-example: install ## write .env.example from the settings
	$(BIN)/turnstile settings > .env.example

clean: ## remove the environment and what was built or cached; never the data
	rm -rf $(VENV) .venv-stripe build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
