# SPDX-License-Identifier: Apache-2.0
# Targets of the test cluster's storage system; included by the top Makefile.

CSI_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

.PHONY: csi-sanity
csi-sanity: ## Run the CSI community's conformance tests against lifeboat-csi (Linux, root).
	$(CSI_DIR)/sanity.sh

.PHONY: csi-e2e
csi-e2e: ## Test lifeboat-csi on a real btrfs: sizes, block volumes, kills, faults (Linux, root).
	cd $(CSI_DIR)/.. && go test -tags e2e -count=1 ./csi/...
