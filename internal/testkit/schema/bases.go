// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// Kinds are those that people write.
func Kinds() []string {
	return []string{"BackupPolicy", "Repository", "RestoreDrill", "Restore", "ClusterBackupPolicy"}
}

// Digests of images, which checks must have.
const (
	image = `"check@sha256:1111111111111111111111111111111111111111111111111111111111111111"`
	shop  = `"shop@sha256:2222222222222222222222222222222222222222222222222222222222222222"`
)

// resources have every field that those of a container have. The claims are none of ours.
const resources = `{claims: [{name: gpu, request: one}], requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}`

const (
	files = `{name: files, image: ` + image + `, proves: Consistent, command: [sh, -c, "test -d /data"], env: [{name: MODE, value: fast}],
      mounts: [{claim: data, path: /data}], resources: ` + resources + `, runAsUser: 1000, runAsGroup: 1000, timeout: 5m}`
	mover = `{placement: {nodeSelector: {disk: ssd}, tolerations: [{key: backup, operator: Equal, value: "yes", effect: NoExecute, tolerationSeconds: 60}]}, priorityClassName: low,
      resources: ` + resources + `, runAsUser: 1000, runAsGroup: 1000}`
	answers = `{name: http, image: ` + image + `, proves: Answering, mounts: [{claim: data, path: /data}], application: {image: ` + shop + `, command: [run], http: {port: 8080, path: /healthz}}},
      {name: tcp, image: ` + image + `, proves: Answering, application: {image: ` + shop + `, tcp: {port: 5432}}},
      {name: exec, image: ` + image + `, proves: Answering, application: {image: ` + shop + `, exec: {command: [ready]}}}`
	copies = `[{name: offsite, repository: {name: vault}, cron: "0 2 * * *", retention: {last: 2, hourly: 1, daily: 7, weekly: 1, monthly: 1, yearly: 1, minimum: 1}, fidelity: Report, timeout: 6h},
      {name: elsewhere, repository: {name: attic}}]`
	hooks = `[{name: freeze, when: Before, selector: {matchLabels: {app: shop}, matchExpressions: [{key: tier, operator: In, values: [db]}]}, container: db, command: [sync], timeout: 30s, onError: Abort},
      {name: thaw, when: After, selector: {}, command: ["true"]}]`
	promised = `{schedule: {cron: "0 * * * *", timeZone: UTC, jitter: 5m, startingDeadline: 30m},
    retention: {last: 3, hourly: 1, daily: 2, weekly: 1, monthly: 1, yearly: 1, minimum: 1},
    objectives: {recoveryPoint: 3h, recoveryTime: 2h, proofWithin: 48h, requiredProof: Intact, copyWithin: 24h},
    suspend: false, fingerprint: Every, manifest: None, mover: ` + mover + `,
    snapshot: {className: array-a, groupClassName: array-a, consistency: Crash, timeout: 10m, hooks: ` + hooks + `},
    drill: {cron: "30 */2 * * *", from: Snapshot, select: Latest, storageClassName: array-a, checks: [` + files + `], timeout: 30m, cleanup: {onSuccess: 0s, onFailure: 1h}, history: 3}`
)

// specs are valid ones that hold, all together, every field that their kind has.
var specs = map[string][]string{
	"BackupPolicy": {promised + `, onDelete: Retain, volumes: {selector: {matchLabels: {app: shop}}}}`,
		`{volumes: {claims: [data, logs]}, schedule: {cron: "0 * * * *"}, retention: {last: 3}, copies: ` + copies + `}`,
		`{volumes: {workload: {kind: StatefulSet, name: db}}, schedule: {cron: "0 * * * *"}, retention: {last: 3}, drill: {cron: "30 * * * *", checks: [` + files + `, ` + answers + `]}}`,
		`{volumes: {selector: {matchExpressions: [{key: app, operator: In, values: [shop, web]}]}}, schedule: {cron: "0 * * * *"}, retention: {last: 3}, snapshot: {consistency: PreferGroup, groupClassName: array-a}}`},
	"Repository": {`
s3: {endpoint: "s3.test:9000", bucket: lifeboat, prefix: shop/, region: eu-1, insecure: false, credentials: {name: keys}, caBundle: {name: ca}}
password: {name: password}
uniqueID: "0000000000000000000000000000000000000000000000000000000000000000"
failureDomain: amsterdam/rack-7
import: true
limits: {copies: 2, uploadBytesPerSecond: 1048576, downloadBytesPerSecond: 1048576}
objectLock: {mode: Governance, period: 720h}
verifyWithin: 720h
probeEvery: 5m
mover: ` + mover + `
`, `gcs: {bucket: lifeboat, prefix: shop/, credentials: {name: keys}}`,
		`gcs: {bucket: lifeboat, workloadIdentity: true}`,
		`azure: {account: lifeboat, container: copies, prefix: shop/, credentials: {name: keys}, domain: blob.core.windows.net}`,
		`sftp: {host: store.test, port: 22, user: lifeboat, path: /srv/copies, credentials: {name: keys}}`,
		`webdav: {url: "https://dav.test/copies", credentials: {name: keys}}`,
		`filesystem: {claim: store, path: copies}`},
	"RestoreDrill": {
		`{policy: {name: web}, from: Snapshot, select: Latest, storageClassName: array-a, checks: [` + files + `], timeout: 30m, cleanup: {onSuccess: 0s, onFailure: 1h}}`,
		`{policy: {name: web}, checks: [` + files + `, ` + answers + `]}`,
		`{recoveryPoint: {name: good}}`},
	"Restore": {`
recoveryPoint: {name: good}
from: Snapshot
namePattern: "{claim}-restored"
storageClassName: array-a
labels: {team: red}
volumes: [{claim: data, as: data-again, size: 2Gi}]
timeout: 1h
mover: ` + mover + `
`, `{recoveryPoint: {name: good}, inPlace: true, keepOldFor: 24h, dryRun: false, timeout: 1h}`,
		`{recoveryPoint: {name: good}, from: Copy, copy: offsite, paths: [etc/hosts], volumes: [{claim: data}]}`,
		`{policy: {name: web}, latest: Complete}`,
		`{policy: {name: web}, asOf: "2026-03-02T12:30:00Z"}`},
	"ClusterBackupPolicy": {`
namespaceSelector: {matchLabels: {env: prod}}
claimSelector: {matchLabels: {app: shop}}
audit: false
exemptions: [{name: scratch, namespace: shop, claims: [logs], reason: caches, owner: platform, until: "2027-06-30T00:00:00Z"}]
onDelete: Remove
template: ` + promised + `, copies: ` + copies + `}
`, `
namespaceSelector: {matchExpressions: [{key: env, operator: In, values: [prod]}]}
claimSelector: {matchExpressions: [{key: app, operator: Exists}]}
audit: false
template: {schedule: {cron: "0 * * * *"}, retention: {last: 3}, drill: {cron: "30 * * * *", checks: [` + files + `, ` + answers + `]}}
exemptions: [{name: scratch, namespace: shop, selector: {matchExpressions: [{key: app, operator: In, values: [cache]}]}, reason: caches, owner: platform, until: "2027-06-30T00:00:00Z"}]
`},
}

// Bases are objects of a kind to make mutations of: valid, and with every field in one of them.
func Bases(kind string) []map[string]any {
	var out []map[string]any
	for _, text := range specs[kind] {
		raw, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			panic(fmt.Sprintf("%s: %v in %s", kind, err, text))
		}
		metadata := map[string]any{"name": "web"}
		if kind != "ClusterBackupPolicy" {
			metadata["namespace"] = "shop"
		}
		out = append(out, map[string]any{"apiVersion": "lifeboat.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": Read(raw)})
	}
	return out
}

// Read reads a JSON object as an API server does: whole numbers are int64.
func Read(raw []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return whole(v).(map[string]any)
}

func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return v
}
