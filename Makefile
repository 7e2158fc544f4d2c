# Lifeboat's commands. `make help` lists them.
#
#   make demo    see it work, on a bare Linux machine (root)
#   make test    unit tests, laws, and tests against a real API server
#
# Every tool is pinned in a go.mod below hack/ and built once into ~/.cache/lifeboat.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMAGE   := ghcr.io/lifeboat-dev/lifeboat
CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lifeboat

# The test cluster's own kubeconfig. With another KUBECONFIG, `make install` and `make e2e` use that cluster.
TEST_KUBECONFIG := /var/lib/lifeboat-cluster/kubeconfig
KUBECONFIG      ?= $(TEST_KUBECONFIG)
export KUBECONFIG

# What CI and people may add: GOTESTFLAGS="-race -run TestX", HELM_ARGS="--set retention.gracePeriod=1m".
GOTESTFLAGS ?=
HELM_ARGS   ?=

-include hack/cluster.mk
-include hack/cluster/csi/csi.mk
-include hack/demo/demo.mk
-include hack/monitoring/monitoring.mk
-include test/bench/bench.mk

# ---------------------------------------------------------------- tools

export GOWORK := off

pinned       = $(shell awk '$$1 == "$(2)" { print $$2; exit }' $(1)/go.mod)
HELM_VERSION := $(call pinned,hack/tools/helm,helm.sh/helm/v3)
LINT_VERSION := $(call pinned,hack/tools/lint,github.com/golangci/golangci-lint/v2)
HELM         := $(CACHE)/tools/helm-$(HELM_VERSION)
GOLANGCI     := $(CACHE)/tools/golangci-lint-$(LINT_VERSION)
KUBECTL      := $(CACHE)/envtest/kubectl

CONTROLLER_GEN := go tool -modfile=hack/tools/go.mod controller-gen
CRD_REF_DOCS   := go tool -modfile=hack/tools/go.mod crd-ref-docs

$(HELM):
	@echo "building helm $(HELM_VERSION) (about 2 minutes, once)" >&2
	@mkdir -p $(@D)
	@cd hack/tools/helm && CGO_ENABLED=0 go build -trimpath -o $@.new \
		-ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$(HELM_VERSION)" helm.sh/helm/v3/cmd/helm
	@mv $@.new $@

$(GOLANGCI):
	@echo "building golangci-lint $(LINT_VERSION) (about 4 minutes, once)" >&2
	@mkdir -p $(@D)
	@cd hack/tools/lint && CGO_ENABLED=0 go build -trimpath -o $@.new \
		-ldflags "-s -w -X main.version=$(LINT_VERSION)" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@mv $@.new $@

$(KUBECTL):
	@$(MAKE) envtest-assets >/dev/null

.PHONY: tools
tools: $(HELM) $(GOLANGCI) ## Build Helm and the linter into the cache.

.PHONY: helm
helm: $(HELM) ## Build Helm and print its path.
	@echo $(HELM)

# ---------------------------------------------------------------- help

.PHONY: help
help: ## List the commands.
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z0-9-]*:.*## / { printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST) | sort

# ---------------------------------------------------------------- generated files

GENERATED := api/applyconfiguration api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml charts/lifeboat/templates/crds \
	charts/lifeboat/templates/manager-role.yaml charts/lifeboat/files/dashboard.json config/monitoring \
	docs/reference/api.md docs/reference/faults.md docs/reference/mutants.md

.PHONY: generate
generate: ## Regenerate deepcopy, apply configurations, CRDs, RBAC, the chart's copies and dashboard, and the API reference.
	@$(CONTROLLER_GEN) object applyconfiguration crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	@mkdir -p bin && $(CONTROLLER_GEN) rbac:roleName=lifeboat-manager paths=./controllers/... output:rbac:stdout >bin/role.yaml
	@test -s bin/role.yaml || { echo "no RBAC markers were found in controllers" >&2; exit 1; }
	@mv bin/role.yaml config/rbac/role.yaml
	@cd hack/dashboard && go run . ../../charts/lifeboat/files/dashboard.json
	@go run ./test/mutants -page >docs/reference/mutants.md
	@go run ./test/faults >docs/reference/faults.md
	@go run ./hack/chart generate
	@$(CRD_REF_DOCS) --config=docs/reference/config.yaml \
		--source-path=api/v1alpha1 --renderer=markdown --output-path=docs/reference/api.md --log-level=ERROR

# What speaks to the clouds whose emulators test/stores has.
STORE_LIBRARIES := github.com/kopia/kopia cloud.google.com/go/auth cloud.google.com/go/storage google.golang.org/api \
	github.com/Azure/azure-sdk-for-go/sdk/azcore github.com/Azure/azure-sdk-for-go/sdk/storage/azblob

.PHONY: verify
verify: generate render-check ## Fail when a generated file is stale, or the chart and kustomize differ.
	@stale=$$(git status --porcelain -- $(GENERATED)); \
	if [[ -n $$stale ]]; then \
		git --no-pager diff --stat -- $(GENERATED); echo "$$stale"; \
		echo "generated files are stale: run 'make generate' and commit the result" >&2; exit 1; fi
	@go mod tidy -diff
	@cd hack/cluster && go mod tidy -diff
	@cd hack/dashboard && go mod tidy -diff
	@cd test/stores && go mod tidy -diff
	@diff <(go list -m $(STORE_LIBRARIES)) <(cd test/stores && go list -m $(STORE_LIBRARIES)) || \
		{ echo "test/stores tests other libraries than those that ship: an emulator must not ask for newer ones" >&2; exit 1; }
	@echo "generated files are current"

.PHONY: render-check
render-check: $(HELM) $(KUBECTL) ## Lint the chart; render it and kustomize, and compare the objects.
	@HELM=$(HELM) KUBECTL=$(KUBECTL) hack/chart/check.sh

.PHONY: lint
lint: $(GOLANGCI) ## Run the linters over all modules.
	@$(GOLANGCI) run ./...
	@cd hack/cluster && $(GOLANGCI) run --config ../../.golangci.yml ./...
	@cd hack/dashboard && $(GOLANGCI) run --config ../../.golangci.yml ./...
	@cd test/stores && $(GOLANGCI) run --config ../../.golangci.yml ./...

# ---------------------------------------------------------------- build

BINARY    := bin/manager
MOVER     := bin/mover
IMAGE_TAR := dist/lifeboat.tar
# The tag is a hash of the programs, so that an install rolls out exactly when one of them changed.
LOCAL_TAG  = dev-$$(cat $(BINARY) $(MOVER) | sha256sum | cut -c1-12)

.PHONY: build
build: ## Build the manager and the mover into bin/.
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BINARY) ./cmd/manager
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(MOVER) ./cmd/mover

.PHONY: lifeboat-mover
lifeboat-mover: ## Build the mover as bin/lifeboat-mover, a program that needs nothing else, to restore without a cluster.
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/lifeboat-mover ./cmd/mover

.PHONY: image
image: build cluster-cli ## Write the image as an OCI tar into dist/, without Docker.
	@mkdir -p $(dir $(IMAGE_TAR))
	@$(CLUSTER_BIN) image --name $(IMAGE):$(LOCAL_TAG) --out $(IMAGE_TAR) --binary $(BINARY)=/manager --binary $(MOVER)=/mover --user 65532:65532

# ---------------------------------------------------------------- install

.PHONY: install
ifeq ($(KUBECONFIG),$(TEST_KUBECONFIG))
install: image $(HELM) ## Install Lifeboat with Helm; into the test cluster: built from this tree.
	@$(MAKE) load-image TAR=$(IMAGE_TAR)
	@# --take-ownership: of definitions that somebody applied by hand.
	@$(HELM) upgrade --install lifeboat charts/lifeboat --namespace lifeboat-system --create-namespace --wait --timeout 3m \
		--take-ownership --set image.tag=$(LOCAL_TAG) $(HELM_ARGS)
else
install: $(HELM)
	@$(HELM) upgrade --install lifeboat charts/lifeboat --namespace lifeboat-system --create-namespace --wait --timeout 3m $(HELM_ARGS)
endif

.PHONY: uninstall
uninstall: $(HELM) ## Remove Lifeboat. Definitions, policies, points and snapshots stay.
	@$(HELM) uninstall lifeboat --namespace lifeboat-system --ignore-not-found --wait

# ---------------------------------------------------------------- tests

# How often the simulator had something go wrong: a line for each scenario, fault, and what it struck. It lies outside of the
# checkout, or its being written would be taken for a change, and no result of a test would ever be kept.
FAULT_RUNS := $(CACHE)/fault-runs.tsv

.PHONY: test
test: envtest-assets rules ## Run unit tests, laws, the alerts' tests, and the tests against a real API server and emulated clouds.
	@mkdir -p $(dir $(FAULT_RUNS))
	@KUBEBUILDER_ASSETS=$(ENVTEST_DIR) LIFEBOAT_FAULT_RUNS=$(FAULT_RUNS) go test $(GOTESTFLAGS) ./...
	@awk -F'\t' '{ runs += $$4; if (!seen[$$1]++) scenarios++ } END { printf "fault runs: %d in %d scenarios\n", runs, scenarios }' $(FAULT_RUNS)
	@cd hack/cluster && go test $(GOTESTFLAGS) ./...
	@cd hack/dashboard && go test $(GOTESTFLAGS) ./...
	@cd test/stores && go test $(GOTESTFLAGS) ./...

.PHONY: faults-page
faults-page: ## Take the numbers of the last whole `make test` over into docs/reference/faults.md.
	@mkdir -p bin && go run ./test/faults -runs $(FAULT_RUNS) >bin/runs.tsv
	@mv bin/runs.tsv test/faults/runs.tsv
	@go run ./test/faults >docs/reference/faults.md

.PHONY: mutants
mutants: ## Plant faults in our own code, and fail when no test notices one. ONLY=regexp runs some, ALL=1 the derived ones.
	@go run ./test/mutants -only '$(ONLY)' $(if $(ALL),-standard internal/core/retention -standard internal/core/plan)

FUZZTIME ?= 60s
FUZZ     ?= .

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (60s), one after the other; FUZZ chooses some by a pattern.
	@hack/fuzz.sh "$(FUZZTIME)" "$(FUZZ)"

E2E := go test -tags e2e -count=1 -timeout 60m $(GOTESTFLAGS) ./test/e2e/...

.PHONY: e2e
ifeq ($(KUBECONFIG),$(TEST_KUBECONFIG))
e2e: $(HELM) ## Test on the real cluster: starts it, installs Lifeboat, runs test/e2e, csi-sanity and Debian's mtree.
	@$(E2E)
	@$(MAKE) csi-sanity
	@# Debian's mtree judges our manifests.
	@go test -tags mtree -count=1 -run NetBSD ./internal/mover/manifest
else
e2e:
	@$(MAKE) install HELM_ARGS="--values test/e2e/values.yaml $(HELM_ARGS)"
	@$(E2E) -installed
endif
