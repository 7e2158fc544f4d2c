# The demo: a sync service is backed up, pruned, broken and restored on the test cluster.

.PHONY: demo
demo: cluster-cli ## See Lifeboat work: cluster, sync service, recovery points, accident, restore.
	@hack/demo/demo.sh

.PHONY: demo-down
demo-down: cluster-down ## Remove the demo, and the cluster with it.

.PHONY: radicale-image
radicale-image: cluster-cli ## Make the image of the demo's sync service; prints the path of its tar.
	@CLUSTER_BIN=$(CLUSTER_BIN) hack/images/debian.sh radicale
