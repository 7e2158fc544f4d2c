# Figures beside their floors. All of it takes about 12 minutes on two cores.
#   make bench BENCHFLAGS="-sizes 100,1000 -policies 100 -idle 20s"     a quick look

BENCHFLAGS ?=

.PHONY: bench
bench: envtest-assets ## Measure against a real API server, beside the least that is possible.
	@go build -o bin/bench ./test/bench
	@KUBEBUILDER_ASSETS=$(ENVTEST_DIR) bin/bench $(BENCHFLAGS)
