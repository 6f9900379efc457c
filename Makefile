# make test     everything that has to pass; CI runs this
# make quick    the tests of the root module alone, without race detector
# make lint     formatting, vet, staticcheck
# make modules  each module builds by itself and is tidy
# make bench    the benchmarks, with their baselines beside them
# make fuzz     each fuzz target for FUZZTIME (default 20s)

GO       ?= go
FUZZTIME ?= 20s

STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The directories of the modules that go.work lists.
MODULES = $(shell $(GO) list -m -f '{{.Dir}}')

.PHONY: test quick lint modules tools bench fuzz

# The tests come last, so that a log ends with them.
test: tools lint modules
	$(GO) test -race -timeout 15m work

quick:
	$(GO) test ./...

lint:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet work
	$(STATICCHECK) work

# As those see them who import them: without go.work.
modules:
	@set -e; for dir in $(MODULES); do \
		echo "module $$dir"; \
		cd "$$dir"; \
		GOWORK=off $(GO) mod tidy -diff; \
		GOWORK=off $(GO) build ./...; \
		GOWORK=off $(GO) vet ./...; \
	done

tools:
	@.ci/tools

bench: tools
	$(GO) test -run '^$$' -bench . -benchmem work

fuzz:
	@set -e; git grep -o '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | sed 's/:func / /' | while read -r file target; do \
		echo "$$target in $$(dirname "$$file")"; \
		(cd "$$(dirname "$$file")" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .); \
	done
