# make test     what CI runs on each change: all tests but make failovers, make hydra and the long counts
# make quick    the tests that need no server and no browser, in under a minute
# make lint     formatting, vet on every platform, staticcheck, the workflows
# make modules  each module builds by itself and is tidy
# make portable what runs on Windows and macOS too
# make wine     the tests for Windows, under Wine
# make fresh    make test in a new Debian root with nothing installed by hand
# make soak     the random tests, SOAK (20) times as long, KILLS (1,000) crashes, and make endure
# make endure   two instances through restarts, for SOAK_SECONDS (1,800) on each store
# make failovers  FAILOVERS (100) fail-overs of each deployment, with the options and without
# make engines  each row of the tests that range over browser engines, in the browsers themselves
# make hydra    the tests with Ory Hydra, which takes minutes to build
# make bench    ROUNDS (6) rounds of the benchmarks, and the table of docs/performance.md
# make smoke    each benchmark once, on small sizes
# make load     two instances on a Redis with LOAD_SESSIONS (200,000) live sessions
# make docs     the documentation, as the package site shows it
# make release-check  modules outside the tree get, build and run what a release would publish
# make release VERSION=v0.1.0  checks, commits and tags a release, and pushes nothing
# make fuzz     each fuzz target for FUZZTIME (default 20s)

GO       ?= go
FUZZTIME ?= 20s
SOAK     ?= 20

# With it, what one clone has compiled is there for the next.
export GOFLAGS := $(shell $(GO) env GOFLAGS) -trimpath

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT  = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# The directories of the modules that go.work lists.
MODULES = $(shell $(GO) list -m -f '{{.Dir}}')

# The packages with code for browsers alone, which the checks of other platforms
# do not see.
WASM     = ./browser ./storage/localstorage ./examples/wasm/... ./internal/browsertest/gametest/testdata/game
WASM_ENV = GOOS=js GOARCH=wasm

COMMA      := ,
EMPTY      :=
SPACE      := $(EMPTY) $(EMPTY)

# The platforms that lint looks at beside this one, and the modules that it skips
# on one of them, because what they import does not build there. On Plan 9 that is
# all but the root. The modules in internal drive programs that run on Linux, and so
# do the tests of DRIVES. The frameworks of examples/recipes take minutes to compile.
PLATFORMS   = windows/amd64 darwin/arm64 plan9/amd64 js/wasm
BUILDS_NOT  = storage/bolt:js/wasm
DRIVES      = storage/redis storage/postgres examples/api examples/cluster
UNTESTED    = $(subst $(SPACE),$(COMMA),$(addprefix github.com/passport-go/passport/,$(DRIVES)))
ELSEWHERE   = $(filter-out internal/% examples/recipes,$(patsubst $(CURDIR)/%,%,$(filter-out $(CURDIR),$(MODULES))))

# The packages whose tests start servers or browsers; quick runs all the others.
SERVERS = $(addprefix github.com/passport-go/passport/, examples/api examples/cluster examples/proxy \
	internal/bench internal/browsertest internal/browsertest/% internal/failtest internal/optest internal/processtest internal/redistest \
	storage/postgres storage/postgres/postgrestest storage/redis)

# The packages whose tests take longest.
FIRST = $(addprefix github.com/passport-go/passport/, internal/browsertest/gametest internal/browsertest \
	internal/browsertest/jssdk)

# The packages whose tests run on Windows and macOS, and under Wine.
PORTABLE = ./native ./storage/file ./internal/filelock ./internal/privatefile

# What has a row in the table of docs/performance.md, and how long each of it runs:
# what servers and databases answer is noisier, and runs for longer.
BENCHMARKS     = . ./internal/provider ./storage/memory
BENCHTIME     ?= 0.2s
ROUNDTRIPS     = ./internal/bench
ROUNDTRIPTIME ?= 0.6s
ROUNDS        ?= 6
BENCHSTAT      = $(GO) run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

.PHONY: hydra engines stamp-begin docs release release-check test quick failovers endure lint format staticcheck workflows platforms modules tools bench record smoke load fuzz soak soak-stores soak-model soak-kills fresh wine portable

# The tests come last, so that a log ends with them. More packages run at a time
# than there are cores, for many wait: for a browser, a server, a time-out. The
# fail-overs come at random moments, and take their time: make failovers has them.
# What takes longest begins first, lest it is alone in the end. Nothing comes from the
# cache of results, which does not see the programs that tests build.
test: stamp-begin tools
	@$(MAKE) $(TWO_AT_A_TIME) lint smoke
	$(GO) test -race -count 1 -vet=off -p 4 -timeout 40m $(FIRST) $(filter-out %/internal/failtest $(FIRST),$(shell $(GO) list work))
	@.ci/stamp end

# What most checks do by themselves takes one core.
TWO_AT_A_TIME = --no-print-directory -j 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# The keyring's other tests need no D-Bus. What outsiders can have is packed and compiled
# anew after each change, which takes a third of a minute by itself.
quick:
	$(GO) vet work
	$(GO) test -short -vet=off -skip '^(TestALifeInTheSecretService|TestAnOutsiderCanHave)$$' $(filter-out $(SERVERS),$(shell $(GO) list work))

lint: modules staticcheck format workflows platforms

format:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi

# After make modules, which has vetted this platform, and compiled what this needs. Both
# compile with -race, as make test does: most of what the tests alone import is not
# compiled twice so.
staticcheck: modules
	GOGC=400 $(GO) run -exec "env 'GOFLAGS=$(GOFLAGS) -race'" $(STATICCHECK) work
	$(GO) run -exec 'env $(WASM_ENV)' $(STATICCHECK) $(WASM)

workflows:
	$(GO) run $(ACTIONLINT) -shellcheck= -pyflakes=

# Nothing is compiled: internal/release/cmd/vet reads the source.
platforms:
	@mkdir -p tmp
	$(GO) build -o tmp/vet ./internal/release/cmd/vet
	@set -e; for platform in $(PLATFORMS); do \
		echo "vet for $$platform"; \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0; \
		if [ "$$GOOS" = plan9 ]; then tmp/vet ./...; continue; fi; \
		packages=./...; \
		for module in $(ELSEWHERE); do \
			case " $(BUILDS_NOT) " in *" $$module:$$platform "*) ;; *) packages="$$packages ./$$module/...";; esac; \
		done; \
		tmp/vet -untested "$(UNTESTED)" $$packages; \
	done
	$(WASM_ENV) tmp/vet ./internal/browsertest/gametest/testdata/game

# Hydra's modules are in no go.mod of ours: they would decide about the versions of ours.
hydra:
	$(GO) vet -tags hydra ./internal/optest
	$(GO) test -tags hydra -timeout 40m -run '^TestHydra$$' ./internal/optest

# In make test, a variant of what runs in each engine runs in Chromium alone, and where
# its windows make no difference, in its headless shell.
engines: tools
	BROWSERTEST_ENGINES=all $(GO) test -race -count 1 -timeout 40m -run '^TestEngines|^TestPromises$$/^everywhere' \
		$(addprefix ./internal/browsertest/, . gametest jssdk nativetest)

# As those see them who import them: without go.work. What vets has been compiled,
# tests and all, and the commands are linked by the tests.
modules:
	@set -e; for dir in $(MODULES); do \
		echo "module $$dir"; \
		cd "$$dir"; \
		GOWORK=off $(GO) mod tidy -diff; \
		GOWORK=off $(GO) vet -race ./...; \
	done
	$(WASM_ENV) GOWORK=off $(GO) vet ./...

portable:
	$(GO) build ./...
	$(WASM_ENV) $(GO) build ./...
	$(GO) test . ./storage ./storage/memory ./passporttest $(PORTABLE)

# Nothing there but Debian, apt and Go.
fresh:
	@.ci/tools fresh
	.ci/fresh

wine:
	@.ci/tools wine
	.ci/wine $(PORTABLE)

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
	@set -e; targets=$$(grep --recursive --only-matching --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func / /'); \
	echo "$$targets" | while read -r file target; do \
		echo "$$target in $$(dirname "$$file")"; \
		(cd "$$(dirname "$$file")" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .); \
	done

# STORAGETEST_SOAK reaches the contract suites, -soak and -kills the tests that have
# the flags. LIMIT bounds one go test, which says then where it was: CI, which runs one a
# job, sets it below the job's own.
KILLS ?= 1000
LIMIT ?= 6h
soak: endure soak-stores soak-model soak-kills

soak-stores: tools
	STORAGETEST_SOAK=$(SOAK) $(GO) test -race -count 1 -timeout $(LIMIT) ./storage/memory ./storage/file ./storage/bolt ./storage/redis ./storage/postgres ./storage/keyring

soak-model: tools
	$(GO) test -race -count 1 -timeout $(LIMIT) ./internal/modeltest -soak $(SOAK)

soak-kills: tools
	$(GO) test -race -count 1 -timeout $(LIMIT) ./internal/processtest -soak $(SOAK) -kills $(KILLS)

endure: export SOAK_SECONDS ?= 1800
endure: export SOAK_SESSIONS ?= 200000
endure: export SOAK_USERS ?= 32
endure: tools
	$(GO) test -run '^TestSoak$$' -count 1 -v -timeout $(LIMIT) ./internal/processtest

failovers: export FAILOVERS ?= 100
failovers: tools
	$(GO) test -race -count 1 -v -timeout $(LIMIT) ./internal/failtest

# What make release goes by: the commit that make test has passed on.
stamp-begin:
	@.ci/stamp begin

release-check:
	$(GO) test -count 1 ./internal/release/...

release:
	@$(GO) run ./internal/release/cmd/release $(VERSION)

# At http://localhost:8080; it needs no network once it is built.
PKGSITE = golang.org/x/pkgsite/cmd/pkgsite@v0.6.0

docs:
	$(GO) run $(PKGSITE) -http localhost:8080 $(MODULES)
