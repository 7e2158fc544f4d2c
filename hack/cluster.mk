# The test cluster: a real single-node Kubernetes with two storage systems, on this machine.
# Needs Linux and root; with a cluster of your own, set KUBECONFIG and leave these targets alone.

CLUSTER_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lifeboat
CLUSTER_BIN   := $(CLUSTER_CACHE)/bin/local/cluster
KUBECONFIG    ?= /var/lib/lifeboat-cluster/kubeconfig
ENVTEST_DIR   := $(CLUSTER_CACHE)/envtest

.PHONY: cluster-cli
cluster-cli: # The program behind the targets below; Go's cache makes this quick.
	@mkdir -p $(dir $(CLUSTER_BIN))
	@cd hack/cluster && GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -o $(CLUSTER_BIN) .

.PHONY: cluster-build
cluster-build: cluster-cli ## Compile Kubernetes, containerd and the rest (about 15 minutes once).
	@$(CLUSTER_BIN) build

.PHONY: envtest-assets
envtest-assets: cluster-cli ## Compile what API server tests need; prints the folder for KUBEBUILDER_ASSETS.
	@$(CLUSTER_BIN) build --only envtest

.PHONY: cluster-up
cluster-up: cluster-cli ## Start the test cluster, or repair the one that runs.
	@$(CLUSTER_BIN) up

.PHONY: cluster-down
cluster-down: cluster-cli ## Remove the test cluster and everything it left on the machine.
	@$(CLUSTER_BIN) down

.PHONY: kubeconfig
kubeconfig: ## Print the path of the kubeconfig.
	@echo $(KUBECONFIG)

.PHONY: load-image
load-image: cluster-cli ## Import an OCI image: make load-image TAR=path.
	@$(CLUSTER_BIN) load-image "$(TAR)"

.PHONY: cluster-accept
cluster-accept: cluster-up ## Show that the cluster does what the tests rely on, then that nothing is left of it.
	@PATH="$(ENVTEST_DIR):$$PATH" KUBECONFIG=/var/lib/lifeboat-cluster/kubeconfig hack/cluster/accept/run.sh
	@$(CLUSTER_BIN) down
	@hack/cluster/accept/leftovers.sh
