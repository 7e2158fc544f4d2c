#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Lints the chart, renders it with its switches on and off, and compares its default
# rendering with kustomize's. HELM and KUBECTL are the programs to use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/lifeboat-chart.XXXXXX")
trap 'rm -rf "$work"' EXIT

render() { "$HELM" template lifeboat charts/lifeboat --namespace lifeboat-system --kube-version 1.37.2 "$@"; }
fail() { echo "chart: $*" >&2; exit 1; }

"$HELM" lint --strict --quiet charts/lifeboat

render >"$work/helm.yaml"
"$KUBECTL" kustomize config/default >"$work/kustomize.yaml"
go run ./hack/chart compare "$work/helm.yaml" "$work/kustomize.yaml"

render --set hooks.enabled=true >"$work/helm-hooks.yaml"
"$KUBECTL" kustomize config/with-hooks >"$work/kustomize-hooks.yaml"
go run ./hack/chart compare "$work/helm-hooks.yaml" "$work/kustomize-hooks.yaml"

render --set reports.enabled=true >"$work/helm-reports.yaml"
"$KUBECTL" kustomize config/with-reports >"$work/kustomize-reports.yaml"
go run ./hack/chart compare "$work/helm-reports.yaml" "$work/kustomize-reports.yaml"

render --set serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true >"$work/helm-monitoring.yaml"
"$KUBECTL" kustomize config/monitoring >"$work/kustomize-monitoring.yaml"
go run ./hack/chart compare "$work/helm-monitoring.yaml" "$work/kustomize-monitoring.yaml"

# Every switch renders.
render --set replicas=2,podDisruptionBudget.enabled=true,networkPolicy.enabled=true,serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true >"$work/all.yaml"
for kind in PodDisruptionBudget NetworkPolicy ServiceMonitor PrometheusRule; do
	grep -q "^kind: $kind$" "$work/all.yaml" || fail "$kind is missing although it is enabled"
done
! render --set crds.enabled=false | grep -q '^kind: CustomResourceDefinition$' || fail "crds.enabled=false renders definitions"
[[ $(grep -c 'helm.sh/resource-policy: keep' "$work/helm.yaml") == $(find config/crd/bases -name '*.yaml' | wc -l) ]] || fail "a definition is not kept on uninstall"

# Notifications: what is rendered is what the manager reads, and no secret of a notifier is anywhere but in its file.
cat >"$work/notify.yaml" <<'EOF'
networkPolicy: {enabled: true}
podAnnotations: {team: storage}
notifications:
  groupWait: 10s
  notifiers:
    - {name: on-call, type: alertmanager, url: "http://alertmanager.monitoring:9093", severity: High}
    - {name: chat, type: url, urlFrom: {secretKeyRef: {name: lifeboat-chat, key: url}}, namespaces: [shop, "team-*"], resolved: false}
EOF
render -f "$work/notify.yaml" >"$work/notifications.yaml"
go run ./hack/chart notifications "$work/notifications.yaml"
for part in 'helm.sh/hook: test' 'checksum/notifications: ' 'port: 9093' '--notifications=/etc/lifeboat/notifications.yaml' 'path: notifiers/chat/url'; do
	grep -q -e "$part" "$work/notifications.yaml" || fail "with notifiers, the chart renders no '$part'"
done
! grep -q 'notifications' "$work/helm.yaml" || fail "without notifiers, the chart renders notifications"

# What Prometheus and Grafana are told is what the files say; without the switches they are told nothing.
go run ./hack/chart monitoring "$work/all.yaml" charts/lifeboat/files
! grep -Eq '^kind: (ServiceMonitor|PrometheusRule)$|grafana' "$work/helm.yaml" || fail "something for Prometheus or Grafana is installed without being asked for"

# Alerts can be changed one by one.
render --set prometheusRule.enabled=true,prometheusRule.labels.team=storage --set prometheusRule.alerts.SlotMissed.for=2h \
	--set prometheusRule.alerts.NeverProven.severity=nightly --set prometheusRule.alerts.FindingMedium.enabled=false >"$work/alerts.yaml"
rule() { awk -v name="$1" '$1 == "-" { on = 0 } $0 ~ "- alert: " name "$" { on = 1 } on' "$work/alerts.yaml"; }
rule SlotMissed | grep -q '^ *for: 2h$' || fail "prometheusRule.alerts.SlotMissed.for has no effect"
rule NeverProven | grep -q '^ *severity: nightly$' || fail "prometheusRule.alerts.NeverProven.severity has no effect"
rule ProofExpired | grep -q '^ *severity: ticket$' || fail "an alert that nobody changed is changed"
[[ -z $(rule FindingMedium) && -n $(rule FindingHigh) ]] || fail "prometheusRule.alerts.FindingMedium.enabled=false has another effect than to leave it out"
grep -q '^    team: storage$' "$work/alerts.yaml" || fail "prometheusRule.labels has no effect"

# Power that nothing but hooks, or reports, needs stays away unless asked for.
! grep -Eq '^ *- "?pods/exec|resources:.*pods/exec' "$work/helm.yaml" || fail "pods/exec is granted although hooks are disabled"
! grep -Eq 'openreports|wgpolicy' "$work/helm.yaml" || fail "something is granted for reports although they are disabled"

# The schema refuses what it should.
for wrong in replicas=-1 retention.gracePeriod=soon hooks.enabledd=true reports.enabled=perhaps image.pullPolicy=Sometimes \
	prometheusRule.alerts.SlotMissed.for=soon prometheusRule.alerts.SlotMissed.level=page prometheusRule.enabled=true,prometheusRule.alerts.Slotmissed.for=1h; do
	! render --set "$wrong" >/dev/null 2>&1 || fail "values.schema.json accepts $wrong"
done
secret='urlFrom: {secretKeyRef: {name: s, key: url}}'
for wrong in '{name: a, type: slack}' '{name: a, type: url}' "{name: A, type: url, $secret}" '{name: a, type: url, url: "http://hook"}' \
	"{name: a, type: url, $secret, url: \"http://hook\"}" '{name: a, type: alertmanager}' '{name: a, type: alertmanager, url: "http://me:pw@host"}' \
	'{name: a, type: alertmanager, url: "http://host", resolved: false}' "{name: a, type: url, $secret, severity: Loud}" \
	"{name: a, type: url, $secret, colour: red}" '{name: a, type: url, urlFrom: {secretKeyRef: {name: s}}}' \
	"{name: a, type: url, $secret}, {name: a, type: url, $secret}"; do
	printf 'notifications: {notifiers: [%s]}\n' "$wrong" >"$work/wrong.yaml"
	! render -f "$work/wrong.yaml" >/dev/null 2>&1 || fail "the chart accepts notifiers [$wrong]"
done
