# make test     everything that has to pass; CI runs this
# make quick    the tests of the root module alone, without race detector
# make lint     formatting, vet, staticcheck
# make modules  each module builds by itself and is tidy
# make bench    ROUNDS (6) rounds of the benchmarks, and the table of docs/performance.md
# make smoke    each benchmark once, on small sizes
# make load     two instances on a Redis with LOAD_SESSIONS (200,000) live sessions
# make fuzz     each fuzz target for FUZZTIME (default 20s)

GO       ?= go
FUZZTIME ?= 20s

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The directories of the modules that go.work lists.
MODULES = $(shell $(GO) list -m -f '{{.Dir}}')

# The packages with code for browsers alone, which the checks of other platforms
# do not see.
WASM     = ./browser ./storage/localstorage ./examples/wasm/... ./internal/browsertest/gametest/game
WASM_ENV = GOOS=js GOARCH=wasm

# What has a row in the table of docs/performance.md, and how long each of it runs:
# what servers and databases answer is noisier, and runs for longer.
BENCHMARKS     = . ./storage/memory
BENCHTIME     ?= 0.2s
ROUNDTRIPS     = ./internal/bench
ROUNDTRIPTIME ?= 0.6s
ROUNDS        ?= 6
BENCHSTAT      = $(GO) run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

.PHONY: test quick lint modules tools bench record smoke load fuzz

# The tests come last, so that a log ends with them.
test: tools lint modules smoke
	$(GO) test -race -timeout 15m work

quick:
	$(GO) test ./...

lint:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet work
	$(GO) run $(STATICCHECK) work
	$(WASM_ENV) $(GO) vet $(WASM)
	$(GO) run -exec 'env $(WASM_ENV)' $(STATICCHECK) $(WASM)

# As those see them who import them: without go.work.
modules:
	@set -e; for dir in $(MODULES); do \
		echo "module $$dir"; \
		cd "$$dir"; \
		GOWORK=off $(GO) mod tidy -diff; \
		GOWORK=off $(GO) build ./...; \
		GOWORK=off $(GO) vet ./...; \
	done
	$(WASM_ENV) GOWORK=off $(GO) build ./...

tools:
	@.ci/tools

# Round by round, so that whatever else the machine does hits all alike. What is
# measured stays in tmp/bench.txt.
bench: tools
	@mkdir -p tmp; rm -f tmp/bench.txt
	@set -e; for round in $$(seq $(ROUNDS)); do \
		echo "round $$round of $(ROUNDS)"; \
		for of in "$(BENCHTIME) $(BENCHMARKS)" "$(ROUNDTRIPTIME) $(ROUNDTRIPS)"; do \
			$(GO) test -run '^$$' -bench . -benchmem -timeout 30m -benchtime $$of >>tmp/bench.txt \
				|| { tail -n 50 tmp/bench.txt; exit 1; }; \
		done; \
	done
	@$(BENCHSTAT) tmp/bench.txt >tmp/benchstat.txt
	@$(GO) version
	@$(GO) run ./internal/bench/cmd/ratios tmp/bench.txt

# Puts what make bench has measured last into docs.
record:
	cp tmp/benchstat.txt docs/benchstat.txt
	$(GO) run ./internal/bench/cmd/ratios -into docs/performance.md tmp/bench.txt

# A row of the table that is no longer measured is an error.
smoke: tools
	@mkdir -p tmp
	@$(GO) test -run '^$$' -short -bench . -benchtime 1x $(BENCHMARKS) $(ROUNDTRIPS) >tmp/smoke.txt \
		|| { tail -n 50 tmp/smoke.txt; exit 1; }
	@$(GO) run ./internal/bench/cmd/ratios tmp/smoke.txt >tmp/smoke.md
	@echo "each benchmark runs"

# Three phases of LOAD_SECONDS each, by LOAD_USERS who never rest.
load: export LOAD_SESSIONS ?= 200000
load: export LOAD_SECONDS ?= 20
load: export LOAD_USERS ?= 32
load: tools
	@$(GO) test -run '^TestLoad$$' -count 1 -v -timeout 30m ./internal/processtest

fuzz:
	@set -e; git grep -o '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | sed 's/:func / /' | while read -r file target; do \
		echo "$$target in $$(dirname "$$file")"; \
		(cd "$$(dirname "$$file")" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .); \
	done
