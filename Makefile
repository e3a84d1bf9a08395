# make prints what there is to do.

GO         ?= go
NODE       ?= node
TYPESCRIPT := 7.0.2
FUZZTIME   ?= 20s
DATA       ?= ./daybook-data

# On a machine that only has Go and a C compiler, what needs more is left out with a
# word. Where CI is set nothing is left out: what is missing fails.
need = command -v $(1) >/dev/null || { \
	if [ -n "$$CI" ]; then echo "$(1) is missing: $(2) cannot run" >&2; exit 1; fi; \
	echo "$(1) is not here: $(2) left out"; exit 0; }

.DEFAULT_GOAL := help
.PHONY: help
help: ## Print this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Start the server on http://127.0.0.1:8000
	$(GO) run ./cmd/daybook serve --data $(DATA)

.PHONY: build
build: ## Build bin/daybook
	$(GO) build -trimpath -o bin/daybook ./cmd/daybook

.PHONY: test
test: test-go test-page ## Run all quick tests

# The tests of the rooms need the processor, those of the binary wait most of the time: they run
# side by side.
.PHONY: test-go test-rooms test-cmd
test-go:
	$(GO) vet ./...
	$(MAKE) -j2 test-rooms test-cmd

# PLAIN are rooms that start no goroutine, or one that only reads ahead or waits: the race detector has
# nothing to find there, and makes their arithmetic ten times slower. HEAVY are rooms whose random tests
# run whole without the detector, and in part with it. ONE are tests of a single goroutine; LONG wait for
# elections of NATS servers, or move much data through three of them.
PLAIN = task|schedule|intake|internal/(jsontext|load/curve|heap)|handler/(image|image/codec|mail|table)
HEAVY = projection|projection/viewfile|eventlog/natslog
ONE   = TestALargeBatchIsWrittenCompletely|TestNoBitOfAFileChangesAnAnswer|TestADamagedFileIsUnusableOrAnswers
LONG  = TestThreeServersLoseOneAndThenTwo|TestALargeRoundReachesThreeServers|TestSmallMessagesAreEnough|TestALongLogIsCaughtUpWithInParts
test-rooms:
	$(GO) test -shuffle=on -timeout 30m $$($(GO) list ./... | grep -E '/($(PLAIN)|$(HEAVY))$$')
	$(GO) test -race -shuffle=on -timeout 30m -skip '^($(ONE)|$(LONG))$$' $$($(GO) list ./... | grep -vE '/cmd/|/($(PLAIN))$$')

.PHONY: test-race
test-race: ## Run the tests of all rooms under the race detector (many minutes)
	$(GO) test -race -shuffle=on -timeout 60m $$($(GO) list ./... | grep -v '/cmd/')

# cmd/daybook has the tests of the binary and of the page in a browser. They run it as it is
# shipped: the race detector makes it several times slower and larger. The tools are tested after it, while
# the rooms still run.
test-cmd:
	$(GO) test -shuffle=on -timeout 30m ./cmd/...
	$(GO) test -C tools -timeout 20m ./...

.PHONY: test-page
test-page:
	@$(call need,$(NODE),the test of the page's modules); cd ui && $(NODE) --test test/*.test.js

.PHONY: check
check: ## Check format, vet, staticcheck and the page's types
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w these:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@$(call need,npx,the check of the page's types); npx --yes --package typescript@$(TYPESCRIPT) tsc --project ui

.PHONY: e2e
e2e: ## Drive the page in a real Chromium
	$(GO) test -count=1 -run '^TestPage' ./cmd/daybook

.PHONY: graphs
graphs: ## Run 10,000 random workflows against an oracle
	$(GO) test -count=1 -timeout 0 -run '^TestRandomGraphs' ./scheduler -seeds=10000

.PHONY: crash
crash: ## Kill the server 50 times under load, and while random workflows run (about five minutes)
	$(GO) test -count=1 -timeout 30m -run '^TestNothingAcknowledgedIsLost|^TestAWorkflowIsThereWholeOrNotAtAllAfterAKill|^TestRandomWorkflowsGoOnOverKills' ./cmd/daybook -v -kills=50

.PHONY: cluster-chaos
cluster-chaos: ## Make 200 faults in a cluster, pause its leader 100 times, and more (two hours)
	$(GO) test -count=1 -timeout 0 -parallel 1 ./internal/clustertest -v -long -rounds=$(or $(ROUNDS),200) -trials=$(or $(TRIALS),100) \
		-histories=$(or $(HISTORIES),50) -cuts=$(or $(CUTS),50) \
		-before=$(or $(BEFORE),HEAD~1)

.PHONY: power
power: ## Cut the power CUTS times (1500) under a log and a server (minutes)
	$(GO) test -count=1 -timeout 0 -run 'PowerCut' ./eventlog/sqlitelog ./cmd/daybook -v -cuts=$(or $(CUTS),1500)

.PHONY: proxies
proxies: ## Run docs/deploy.md behind nginx, Caddy and HAProxy
	@for program in nginx caddy haproxy; do $(call need,$$program,the test behind it); done; \
	$(GO) test -count=1 -timeout 30m -run '^TestProxies' ./cmd/daybook -v -proxies
.PHONY: clients
clients: ## Make clients from openapi.json by four generators, and use them
	tools/clients/run

.PHONY: soak
soak: ## Load the server for SOAK (30m) and look for growth
	$(GO) test -count=1 -timeout 0 -run '^TestNothingGrows' ./cmd/daybook -v -soak=$(or $(SOAK),30m)

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME (20s) each
	@for package in $$($(GO) list ./...); do \
		for fuzz in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$fuzz"; \
			$(GO) test -run '^$$' -fuzz "^$$fuzz\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

# Which benchmarks, of which packages, for how long, in how many rounds.
BENCH      ?= .
BENCHPKG   ?= ./...
BENCHTIME  ?= 1s
BENCHCOUNT ?= 5
REGRESS     = $(GO) run -C tools ./regress

.PHONY: bench
bench: ## Run the benchmarks that match BENCH; results go to bench.out/
	$(REGRESS) run -bench '$(BENCH)' -packages '$(BENCHPKG)' -benchtime $(BENCHTIME) -count $(BENCHCOUNT)

.PHONY: bench-compare
bench-compare: ## Print what changed since BASE, a commit or a file of results
	$(REGRESS) compare -bench '$(BENCH)' -packages '$(BENCHPKG)' -benchtime $(BENCHTIME) -count $(BENCHCOUNT) '$(BASE)'

.PHONY: profile
profile: ## Print what each stage of the hot path costs a task; profiles go to profile.out/
	$(GO) run -C tools ./hotpath $(PROFILE)

.PHONY: bench-curves
bench-curves: ## Measure and draw costs over 1,000 to MAX (1000000) tasks
	$(GO) test -run '^TestCostCurves$$' -count=1 -timeout 8h -v ./internal/bench -args -curves $(or $(MAX),1000000)

.PHONY: bench-peers
bench-peers: ## Measure Daybook beside other task queues (WRITE=1: into the docs, LONG=1: minutes of load)
	cd bench && $(GO) run ./peers $(if $(WRITE),-write ../docs/peers.md) $(if $(LONG),-long) $(PEERS)

.PHONY: module
module: ## Give the module another path: make module MODULE=example.com/you/daybook
	@$(GO) run -C tools ./module .. '$(MODULE)'

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin bench.out profile.out
