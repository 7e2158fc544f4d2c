# Figures beside their floors. All of it takes about a quarter of an hour on two cores.
#   make bench BENCH=quick                                  a quick look, a few minutes
#   make bench BENCHFLAGS="-sizes 100,1000 -policies 0 -files 0"     parts of it
#   make bench BENCHFLAGS='-sizes "" -policies 0 -decisions=false'   fingerprints alone; needs 5 GB of disk and of memory

BENCH      ?= full
BENCHFLAGS ?=

BENCHFLAGS_full  :=
BENCHFLAGS_quick := -sizes 100,1000 -rounds 1 -policies 50 -scales 1 -idle 15s -settle 0s -files 10000 -large 64

.PHONY: bench
bench: envtest-assets ## Measure against a real API server, beside the least that is possible.
	@$(if $(filter full quick,$(BENCH)),true,{ echo "BENCH=$(BENCH): must be full or quick" >&2; exit 1; })
	@go build -o bin/bench ./test/bench
	@KUBEBUILDER_ASSETS=$(ENVTEST_DIR) bin/bench $(BENCHFLAGS_$(BENCH)) $(BENCHFLAGS)
