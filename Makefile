# Netiv. `make demo` to see it, `make test` to check it, `make help` for the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
DEMO_PORT ?= 8080
DEMO_CLICKHOUSE_PORT ?= 8123

.PHONY: help install test-install system sdk demo test test-long test-identity-long test-faults-long fuzz lint format bench bench-sdk bench-kafka bench-attribution bench-identity bench-full clean

help: ## What can be made here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

$(VENV)/.made: pyproject.toml constraints.txt
	@echo "Installing Netiv into $(VENV) (about 700 MB with the embedded ClickHouse engine) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt -U pip
	@$(PIP) install -c constraints.txt -e '.[embedded]'
	@touch $@

$(VENV)/.tested: $(VENV)/.made
	@echo "Installing what the tests need …"
	@$(PIP) install -c constraints.txt -e '.[embedded,kafka,tracing]' --group test --group lint
	@touch $@

sdk_js/dist/manifest.json: sdk_js/package-lock.json sdk_js/package.json $(shell find sdk_js/src sdk_js/scripts sdk_js/demo -type f 2>/dev/null)
	@echo "Building the browser SDK …"
	@cd sdk_js && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

sdk: sdk_js/dist/manifest.json ## Build the browser SDK

install: $(VENV)/.made sdk ## Make .venv/bin/netiv; starts nothing

test-install: install $(VENV)/.tested system

# A browser for the SDK's tests; on Debian and its kin it is fetched, elsewhere set CHROMIUM to one.
system:
	@command -v chromium >/dev/null || test -n "$$CHROMIUM" || \
		{ echo "Installing Chromium …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; }
	@test -n "$$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null)" || \
		{ echo "Installing libfaketime …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq faketime >/dev/null; }
	@{ command -v java && command -v mvn; } >/dev/null || \
		{ echo "Installing Java and Maven for a real Kafka and ZooKeeper …"; apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openjdk-17-jre-headless maven >/dev/null; }

demo: install ## Start the stack, send the demo journeys, print what came of them, keep running (DEMO_EXIT=1: stop)
	@$(BIN)/python -m netiv.demo.stage --port $(DEMO_PORT) --clickhouse-port $(DEMO_CLICKHOUSE_PORT)

# Tests that drive a browser own the event loop of their process, so they run in processes of their own; those of client
# packages install the packages once, so they run in one.
test: test-install lint ## Every test
	@cd sdk_js && npm run --silent typecheck && npm test --silent && npm run --silent size
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser
	@$(BIN)/python -m pytest tests/clients
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/browser --ignore tests/clients

fuzz: test-install ## Over 100,000 mutated requests of real clients (some minutes)
	@NETIV_HYPOTHESIS=long $(BIN)/python -m pytest -q tests/dialects/test_fuzz.py tests/collector/test_fuzz.py

test-identity-long: test-install ## The laws of identity over ten thousand generated histories (half an hour or more)
	@NETIV_HYPOTHESIS=long $(BIN)/python -m pytest -q -s tests/identity/test_laws.py tests/identity/test_unlink.py tests/identity/test_erase.py

# About an hour on two cores: 200,000 events through every fault, 50 kills, 20 freezes, 100 breaks and a minute of refusals, 2 to 8
# consumers. NETIV_TEST_LONG_EVENTS sets another number of events.
test-faults-long: test-install ## The long profiles of the fault tests
	@$(BIN)/python -m pytest -m long -s tests/kafka

lint: $(VENV)/.tested ## Style, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports > /dev/null || $(BIN)/lint-imports

format: $(VENV)/.tested ## Put the code into the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: test-install ## Ratios against ceilings measured in the same run (some minutes, needs a quiet machine)
	@$(BIN)/python -m bench.log
	@$(BIN)/python -m bench.http
	@$(BIN)/python -m bench.catchup
	@$(BIN)/python -m bench.freshness
	@$(BIN)/python -m bench.memory

bench-sdk: test-install ## What the browser SDK's start costs a page, task by task
	@$(BIN)/python -m bench.sdk_start

bench-kafka: test-install ## Events to a real Kafka against its client's ceiling
	@$(BIN)/python -m bench.kafka

bench-attribution: test-install ## Attribution over ten million touchpoints
	@$(BIN)/python -m bench.attribution

bench-identity: test-install ## Links resolved as they come, a million identifiers resolved anew, one busy person
	@$(BIN)/python -m bench.identity

bench-full: test-install ## The large profiles: tables of 1 and 5 million events
	@$(BIN)/python -m bench.catchup --grow 1000000 5000000

clean: ## Remove what was made
	@rm -rf $(VENV) sdk_js/node_modules sdk_js/dist data
