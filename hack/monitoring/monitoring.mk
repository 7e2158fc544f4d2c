# Alerts, and the programs that judge them: Debian's Prometheus and Alertmanager, unpacked into ~/.cache/lifeboat/monitoring.

ALERTS := charts/lifeboat/files/alerts.yaml

.PHONY: rules
rules: ## Check and test the alerts with promtool.
	@tools=$$(hack/monitoring/tools.sh); \
	for command in "check rules $(ALERTS)" "test rules charts/lifeboat/tests/alerts_test.yaml"; do \
		said=$$($$tools/promtool $$command 2>&1) || { echo "$$said" >&2; exit 1; }; \
	done
	@echo "ok  	$(ALERTS)"
