// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// images lets one image be made at a time.
var images sync.Mutex

const (
	postgresUser = 10002
	postgresBin  = "/usr/lib/postgresql/15/bin/"
	// postgresStart starts a server on a data folder, reachable through a socket alone.
	postgresStart = `exec ` + postgresBin + `postgres -k /tmp -c listen_addresses= -D `
	psql          = postgresBin + `psql -h /tmp -U postgres -tA `
	// psqlNet is psql in another container of the same pod.
	psqlNet = postgresBin + `psql -h 127.0.0.1 -U postgres -tA `
)

// A PostgreSQL under write load is captured with and without a checkpoint before. What a drill restores recovers as after a
// crash, pg_amcheck finds nothing wrong with it, and it answers a query.
func TestDrillOfPostgres(t *testing.T) {
	t.Parallel()
	loadImage(t, "postgres")
	s := newSpace(t)
	s.claim("db", storageA, func(c *corev1.PersistentVolumeClaim) {
		c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("512Mi")
	})
	s.volume("db")
	s.pod("postgres", "db", as(postgresUser), func(p *corev1.Pod) {
		c := &p.Spec.Containers[0]
		c.Image = "lifeboat.test/postgres:latest"
		c.Command = []string{"sh", "-ec", `[ -d /data/pg ] || ` + postgresBin + `initdb -D /data/pg -A trust -U postgres >/dev/null; ` + postgresStart + `/data/pg`}
	})
	s.await("the database to answer", 2*time.Minute, func() string {
		out, err := s.kubectlTry("exec", "postgres", "--", "sh", "-c", psql+`-c 'select 1'`)
		if err != nil {
			return out
		}
		return ""
	})
	s.sh("postgres", psql+`-c 'create extension if not exists amcheck' && `+postgresBin+`pgbench -h /tmp -U postgres -i -q postgres 2>/dev/null`)
	s.sh("postgres", `(`+postgresBin+`pgbench -h /tmp -U postgres -n -c 2 -T 400 -R 100 postgres >/dev/null 2>&1 &) ; sleep 2`)

	database := func(c *api.Check) { c.Image = "lifeboat.test/postgres:latest" }
	checks := drilled(
		check("amcheck", api.LevelConsistent, postgresBin+`pg_ctl -D /restore/db/pg -o '-k /tmp -c listen_addresses=' -w -t 120 start >/dev/null
			`+postgresBin+`pg_amcheck -h /tmp -U postgres --all --heapallindexed
			`+postgresBin+`pg_ctl -D /restore/db/pg -w stop >/dev/null`, database),
		check("query", api.LevelAnswering, `[ "$(`+psqlNet+`-c 'select count(*) from pgbench_accounts' postgres)" = 100000 ]
			[ "$(`+psqlNet+`-c 'select (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)' postgres)" = t ]`, database,
			func(c *api.Check) {
				c.Application = &api.CheckApplication{
					Command: []string{"sh", "-c", postgresStart + "/restore/db/pg -c listen_addresses=127.0.0.1"},
					Exec:    &api.ExecProbe{Command: []string{postgresBin + "pg_isready", "-q", "-h", "127.0.0.1"}},
				}
			}),
	)
	checkpoint := func(b *api.BackupPolicySpec) {
		b.Snapshot.Hooks = []api.Hook{{Name: "checkpoint", When: api.HookBefore, Selector: api.LabelSelector{MatchLabels: map[string]string{"pod": "postgres"}},
			Command: strings.Fields(psql + "-c checkpoint"), Timeout: &metav1.Duration{Duration: time.Minute}}}
	}
	s.policy("crash", checks, readAs(postgresUser))
	s.policy("checkpoint", checks, readAs(postgresUser), checkpoint)
	for _, policy := range []string{"crash", "checkpoint"} {
		p := s.fingerprinted(policy, policy)
		if policy == "checkpoint" && hookRecord(p, "checkpoint").State != api.HookSucceeded {
			t.Errorf("the hook: %+v", p.Status.Hooks)
		}
		s.rehearse(policy, ofPolicy(policy))
		s.drillEnds(policy, api.VerdictPassed, api.LevelAnswering, api.ReasonDrillPassed)
	}
	if n := s.sh("postgres", psql+`-c 'select count(*) > 0 from pgbench_history' postgres`); n != "t" {
		t.Errorf("there was no load: %s", n)
	}
}
