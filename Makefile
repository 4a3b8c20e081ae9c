# tilld: everything a developer runs. `make` alone prints this file's targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL: # the steps of `test` share two cores and the build cache

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BUILD   := -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)'

# Tools by exact version, run without touching go.mod: their dependencies are not ours.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The race detector makes SQLite (C translated to Go) several times slower, so the whole-system
# stories, which start real processes and watch the clock, run without it, and so does the simulation,
# which is one goroutine, and the ledger, which begins none: who uses it from several at once (ingest) runs with it. Of the
# journal's tests two use it from several at once, and run with it. All else does, too.
NO_RACE := ./agent/cmd/... ./sync/sim ./sync/ledger ./agent/journal
AT_ONCE := 'TestConcurrentUse|TestReadersNeedNoFiles'
# With it these draw fewer examples of each property, so they run without it too.
BOTH := ./sync/house

# The tests that cut the power start hundreds of processes, which the race detector makes slow to start, so
# they are built without it only.
POWER := ./agent/journal ./sync/ingest

FUZZTIME ?= 4s
ROUNDS   ?= 500
CUTS     ?= 1000
POINTS   ?= all
BROKER_ROUNDS ?= 50
MEDDLED  ?= 1000000
SEEDS    ?= 500
EXECS    ?= 10000000

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: need
need:
	@.ci/need build

.PHONY: build
build: need ## build bin/tilld: one static binary
	CGO_ENABLED=0 go build $(BUILD) -o bin/tilld ./agent/cmd/tilld

.PHONY: demo
demo: build ## HQ, a broker, two lanes and the wallets' operators on this machine; ARGS="--help" for more
	@exec bin/tilld demo $(ARGS)

.PHONY: test
test: deps lint unit fuzz ## all that must pass before a commit is pushed (under 20 minutes on 2 cores)

.PHONY: deps
deps: need ## install what the tests need and this machine lacks (Debian; as root, or with sudo)
	@.ci/deps
	@STATICCHECK=$(STATICCHECK) .ci/need test

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@bad=$$(gofmt -l agent drivers firmware-configs sync ui); \
	if [ -n "$$bad" ]; then echo "gofmt would change:"; echo "$$bad"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

.PHONY: unit
unit: ## every test once; with the race detector except for NO_RACE and the power cuts
	go list ./... | grep -vxF "$$(go list $(NO_RACE))" | CGO_ENABLED=1 xargs -r go test -race -timeout 15m
	CGO_ENABLED=1 go test -race -timeout 15m -run $(AT_ONCE) ./agent/journal
	go test -timeout 15m $(NO_RACE) $(BOTH)
	go test -timeout 15m -run PowerCut $(filter-out $(NO_RACE),$(POWER))

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each (default 4s)
	@FUZZTIME=$(FUZZTIME) .ci/fuzz

.PHONY: fuzz-long
fuzz-long: ## every fuzz target for EXECS executions each (default 10,000,000), and a table; TARGETS=regexp for some; a day or more
	@EXECS=$(EXECS) TARGETS='$(TARGETS)' .ci/fuzz-long

.PHONY: bench
bench: ## every benchmark, and a table of those that are held to a ratio to the same work done raw
	@.ci/bench

.PHONY: sim
sim: ## SEEDS whole-system runs on virtual time (default 500; FIRST=N for others than the first)
	go test -count 1 -timeout 0 -v -run 'TestSim$$' ./sync/sim -sim.first=$(or $(FIRST),1) -sim.seeds=$(SEEDS)

.PHONY: soak
soak: ## 20,000 seeds of sim, the kill -9 loop for ROUNDS rounds (default 500), CUTS power cuts each of lane and HQ (1000), POINTS crash points of each kind (all), MEDDLED messages of a hostile broker (1,000,000), BROKER_ROUNDS faults of each kind of each broker (50); hours
	$(MAKE) sim SEEDS=20000
	TILLD_POWER_CUTS=$(CUTS) go test -count 1 -timeout 0 -v -run PowerCut $(POWER)
	TILLD_CRASH_POINTS=$(POINTS) go test -count 1 -timeout 0 -v -run CrashPoints ./agent/cmd/tilld
	TILLD_MEDDLED=$(MEDDLED) go test -count 1 -timeout 0 -v -run 'Meddler$$' ./sync/sim
	TILLD_BROKER_ROUNDS=$(BROKER_ROUNDS) go test -count 1 -timeout 0 -v -run Brokers ./agent/cmd/tilld
	TILLD_KILL_ROUNDS=$(ROUNDS) go test -count 1 -timeout 0 -v -run Kill ./agent/cmd/...

.PHONY: replay7pay
replay7pay: ## rob the house wallet as 7pay was robbed, with each control switched off in turn; ROBBED accounts (default 808, all of them; 10 minutes)
	TILLD_REPLAY_ACCOUNTS=$(or $(ROBBED),808) go test -count 1 -timeout 0 -v -run 'Replay7pay$$' ./sync/house

.PHONY: vuln
vuln: ## known vulnerabilities in what we build on (needs vuln.go.dev, so not part of test)
	go run $(GOVULNCHECK) ./...
