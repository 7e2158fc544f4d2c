# Figures beside their floors. All of it takes about a quarter of an hour on two cores.
#   make bench BENCH=quick                                  a quick look, a few minutes
#   make bench BENCHFLAGS="-sizes 100,1000 -policies 0 -files 0 -copies 0"     parts of it
#   make bench BENCHFLAGS='-sizes "" -policies 0 -decisions=false -copies 0'   fingerprints alone; needs 5 GB of disk and of memory
#   make bench BENCHFLAGS='-sizes "" -policies 0 -decisions=false -files 0'    copies and restores alone, beside kopia, restic (if installed) and cp
#   make bench-drills                                       drills alone, on the test cluster, which it starts

BENCH      ?= full
BENCHFLAGS ?=

BENCHFLAGS_full  :=
BENCHFLAGS_quick := -sizes 100,1000 -rounds 1 -policies 50 -scales 1 -idle 15s -settle 0s -files 10000 -large 64 -copies 10000

.PHONY: bench
bench: envtest-assets ## Measure against a real API server, beside the least that is possible.
	@$(if $(filter full quick,$(BENCH)),true,{ echo "BENCH=$(BENCH): must be full or quick" >&2; exit 1; })
	@go build -o bin/bench ./test/bench
	@KUBEBUILDER_ASSETS=$(ENVTEST_DIR) bin/bench $(BENCHFLAGS_$(BENCH)) $(BENCHFLAGS)
	@# All of it, and no part that somebody asked for.
	@$(if $(filter full-,$(BENCH)-$(BENCHFLAGS)),$(MAKE) bench-drills,true)

.PHONY: bench-drills
bench-drills: ## Measure drills on the real cluster, beside the least that bringing a volume back needs.
	@$(MAKE) cluster-up
	@$(MAKE) install HELM_ARGS=--hide-notes >/dev/null
	@go build -o bin/bench ./test/bench
	@bin/bench -sizes "" -policies 0 -files 0 -copies 0 -decisions=false -cluster $(KUBECONFIG) -drills 7 $(BENCHFLAGS)
