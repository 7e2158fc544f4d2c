# SPDX-License-Identifier: Apache-2.0
# Targets of the test cluster's storage system; included by the top Makefile.

CSI_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

.PHONY: csi-sanity
csi-sanity: ## Run the CSI community's conformance tests against lifeboat-csi (Linux, root).
	$(CSI_DIR)/sanity.sh
