# DAIRA: everything a person does here. `make help` lists it; `make run` and `make test` need nothing done before.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
NATIVE_SOURCES := $(shell find native -type f \( -name '*.rs' -o -name 'Cargo.*' -o -name 'pyproject.toml' -o -name '*.py' -o -name '*.pyi' \) -not -path '*/target/*' -not -path 'native/fuzz/*' 2>/dev/null)
export CARGO_TARGET_DIR := $(CURDIR)/native/target
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/.bin:$(CURDIR)/.bin/bin:$(PATH)
# Parallel test processes; two suit the smallest machine.
JOBS ?= 2
# How long each fuzz target runs.
SECONDS ?= 60

##@ Use it
.PHONY: help
help: ## This page
	@awk 'BEGIN {FS = ":.*## "; print "DAIRA\n\n  make \033[36m<target>\033[0m"} \
	  /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	  /^[a-zA-Z0-9_-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo

.PHONY: run
run: setup ## Set up and run the whole platform here; Ctrl-C drains and stops it
	@exec $(VENV)/bin/daira run

.PHONY: load
load: setup ## Load a real graph and posts: make load GRAPH=edges.csv POSTS=tweets.csv [COUNT=200000] [DAYS=30] [SEED=1]
	@test -n "$(GRAPH)" -a -n "$(POSTS)" || { echo "usage: make load GRAPH=<edges file> POSTS=<posts csv> [COUNT=200000] [DAYS=30] [SEED=1] [BOTH_WAYS=1]"; exit 2; }
	@exec $(VENV)/bin/daira load --graph "$(GRAPH)" --posts "$(POSTS)" $(if $(COUNT),--posts-count $(COUNT)) $(if $(DAYS),--days $(DAYS)) $(if $(SEED),--seed $(SEED)) $(if $(BOTH_WAYS),--both-ways)

.PHONY: doctor
doctor: setup ## Say what this machine has and what DAIRA would miss
	@exec $(VENV)/bin/daira doctor

.PHONY: reset
reset: ## Throw away the local data in .daira/ (asks first)
	@read -r -p "Delete all local DAIRA data in .daira/? [y/N] " answer && test "$$answer" = y && rm -rf .daira

##@ Set it up
.PHONY: setup
setup: $(VENV)/.installed native ## Make the environment and build the extension (others call it)

$(VENV)/.installed: requirements.lock pyproject.toml
	@dev/bootstrap.sh $(VENV)
	@touch $@

.PHONY: native
native: $(VENV)/.native ## Build the Rust extension into the environment

$(VENV)/.native: $(VENV)/.installed $(NATIVE_SOURCES)
	@echo "building the native extension (release) …"
	@cd native && $(CURDIR)/$(VENV)/bin/maturin develop --release --locked --quiet
	@touch $@

.PHONY: proto
proto: $(VENV)/.installed ## Generate protos/gen and docs/access.md from the .proto files
	@$(PY) protos/generate.py
	@$(PY) protos/access_matrix.py

.PHONY: lock
lock: $(VENV)/.installed ## Resolve the dependencies of pyproject.toml anew into the two lock files
	@for target in "requirements.lock --extra dev --extra test --extra bench" "requirements-runtime.lock"; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links pyproject.toml --output-file $$target; done

.PHONY: proto-baseline
proto-baseline: $(VENV)/.installed ## Make today's protos the contract that later changes may not break
	@buf build protos -o protos/baseline.binpb

##@ Check it
.PHONY: test
test: setup test-rust test-python ## Set up and run every test

.PHONY: simulate
simulate: setup ## Live payouts, money in and back, and subscriptions from seeds, with crashes and a faulty provider: make simulate [SEEDS=10000] [SUBSCRIPTION_SEEDS=1000] [FIRST=0]
	@$(PY) -m tests.simulation.payouts --seeds $(or $(SEEDS),10000) --first $(or $(FIRST),0)
	@$(PY) -m tests.simulation.money --seeds $(or $(SEEDS),10000) --first $(or $(FIRST),0)
	@$(PY) -m tests.simulation.subscriptions --seeds $(or $(SUBSCRIPTION_SEEDS),1000) --first $(or $(FIRST),0)

.PHONY: bank
bank: setup ## Move money while everything is killed, and read it all the time: make bank [BANK_SECONDS=600] [BANK_SEED=1]
	BANK_SECONDS=$(or $(BANK_SECONDS),600) BANK_SEED=$(or $(BANK_SEED),1) $(PY) -m pytest -q -n0 tests/integration/payments/test_bank.py

.PHONY: test-rust
test-rust: ## The Rust tests alone; need nothing but cargo
	cd native && cargo test --workspace --locked --quiet

.PHONY: test-python
test-python: setup ## The Python tests alone: unit, integration, contract, tidy, end to end
	$(PY) -m pytest -n $(JOBS) --dist loadgroup -q

.PHONY: fuzz
fuzz: ## Fuzz the Rust crates, each target for a while: make fuzz [SECONDS=60] (needs `make fuzz-tools`)
	@cargo +nightly fuzz --version >/dev/null || { echo "needs nightly Rust and cargo-fuzz: rustup toolchain install nightly; make fuzz-tools"; exit 2; }
	cd native && for target in rank hide_muted seen_filter json_plan; do \
	  cargo +nightly fuzz run --target-dir fuzz/target $$target -- -max_total_time=$(SECONDS) -timeout=10 || exit 1; done

.PHONY: fuzz-tools
fuzz-tools: ## Install cargo-fuzz into .bin/ (needs nightly Rust to fuzz with)
	cargo install cargo-fuzz --version 0.13.2 --locked --quiet --root .bin

.PHONY: faults
faults: setup ## Kill, freeze, fill and empty things under load, and print what readers noticed: make faults [FAULT_SECONDS=3]
	$(if $(FAULT_SECONDS),FAULT_SECONDS=$(FAULT_SECONDS)) $(PY) -m pytest -q tests/e2e/test_faults.py

.PHONY: test-stores
test-stores: setup ## The store-facing tests against TEST_POSTGRES_URL, TEST_REDIS_URL, TEST_CLICKHOUSE_URL
	@# One after the other: on one shared server a transaction of one test holds back the relay of another, as it should.
	$(PY) -m pytest -q -m stores

.PHONY: lint
lint: setup lint-python lint-rust lint-proto ## Every static check
	@echo "lint: clean"

.PHONY: lint-python
lint-python: setup
	ruff check .
	ruff format --check .
	mypy services gateway dev bench tests
	lint-imports --no-cache
	stubtest daira_native --ignore-missing-stub --mypy-config-file pyproject.toml

.PHONY: lint-rust
lint-rust:
	cd native && cargo fmt --all --check && cargo clippy --workspace --all-targets --locked -- -D warnings
	cd native/py && cargo fmt --check && cargo clippy --locked -- -D warnings
	cd native/fuzz && cargo fmt --check

.PHONY: lint-proto
lint-proto: $(VENV)/.installed
	buf lint protos
	$(PY) protos/generate.py --check
	$(PY) protos/access_matrix.py --check
	buf breaking protos --against protos/baseline.binpb

.PHONY: format
format: setup ## Put every file into its format
	ruff check --fix-only --quiet .
	ruff format --quiet .
	cd native && cargo fmt --all && cd py && cargo fmt

.PHONY: bench
bench: setup ## Measure, print beside the targets, write bench/results.json; ONLY="feed posts" runs parts
	$(PY) -m bench $(foreach part,$(ONLY),--only $(part))

.PHONY: bench-profile
bench-profile: setup ## Say where the processor time of a feed goes: bench/profiles/*.txt (as root, or with ptrace allowed)
	$(PY) -m bench.hot_spots

.PHONY: bench-sizes
bench-sizes: setup ## What a feed costs as the graph grows, from BENCH_GRAPH and BENCH_POSTS: results-sizes.json and sizes.svg
	$(PY) -m bench.sizes

.PHONY: bench-tools
bench-tools: ## Install ghz, the gRPC load generator, into .bin/ (needs Go)
	GOBIN=$(CURDIR)/.bin go install github.com/bojand/ghz/cmd/ghz@v0.93.0

##@ Ship it
.PHONY: manifests
manifests: ## Render the Kubernetes base
	kubectl kustomize k8s/base

.PHONY: image
image: ## Build the container image (needs docker or buildah)
	@if command -v buildah >/dev/null; then buildah bud -t daira:dev .; else docker build -t daira:dev .; fi

.PHONY: clean
clean: ## Remove the environment and build products; data in .daira/ stays
	rm -rf $(VENV) native/target .mypy_cache .ruff_cache .bin
