// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
	"github.com/lifeboat-dev/lifeboat/internal/testkit/schema"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// TestAdmittedCronCanBeCarriedOut shows that the scheduler reads whatever the schema admits.
func TestAdmittedCronCanBeCarriedOut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 400 {
		cron := randomCron(random)
		o := validPolicy()
		o.set("spec.schedule.cron", cron)
		refused := cluster.Create(t.Context(), o, client.DryRunAll)
		_, bad := schedule.Parse(cron, "UTC")
		if refused == nil && bad != nil {
			t.Errorf("%q is admitted, and the scheduler says: %v", cron, bad)
		}
	}
}

// TestZonesAreReadAlike shows that the schema and the scheduler know the same time zones.
func TestZonesAreReadAlike(t *testing.T) {
	for _, c := range zoneCases() {
		o := validPolicy()
		c.mutate(o)
		zone, _ := o.get(zoneField).(string)
		if zone == "" {
			continue // the schema fills in or refuses what is empty
		}
		if _, bad := schedule.Parse("0 3 * * *", zone); (bad == nil) != (len(c.wantErrors) == 0) && len(zone) <= 64 {
			t.Errorf("%q: the API server says %v, the scheduler says %v", zone, c.wantErrors, bad)
		}
	}
}

// randomCron is mostly right, and often wrong in one place.
func randomCron(random *rand.Rand) string {
	numbers := []string{"0", "1", "5", "05", "6", "7", "12", "13", "23", "24", "31", "32", "59", "60"}
	names := []string{"jan", "Dec", "FEB", "sun", "fri", "SAT", "x"}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	fields := []string{"*", "*", "*", "*", "*"}
	for range 1 + random.IntN(2) {
		at := random.IntN(5)
		word := pick(numbers)
		if at > 2 && random.IntN(2) == 0 {
			word = pick(names)
		}
		switch random.IntN(6) {
		case 0:
			word += "-" + pick(numbers)
		case 1:
			word += "-" + pick(names)
		case 2:
			word = "*/" + word
		case 3:
			word += "," + pick(numbers) + "/" + pick(numbers)
		case 4:
			word = pick([]string{"*", "?", "1-5/2", "1-", "-1", ",", "1,", "/2", "*-5", "**"})
		}
		fields[at] = word
	}
	if random.IntN(20) == 0 {
		fields = slices.Insert(fields, random.IntN(6), "1")
	}
	return strings.Join(fields, " ")
}

// TestTheServerAdmitsAlike shows that what admits objects within the process, on which tests without a server stand, says of mutations
// of each kind what the API server says.
func TestTheServerAdmitsAlike(t *testing.T) {
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	all, err := schema.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	draw := schema.NewDraw(t, 40)
	for _, kind := range schema.Kinds() {
		for _, base := range schema.Bases(kind) {
			for _, m := range all[kind].Mutations(base) {
				if !draw.Takes() {
					continue
				}
				o := &object{unstructured.Unstructured{Object: m.Object}}
				if o.GetNamespace() != "" {
					o.SetNamespace("default")
				}
				_, within := all[kind].Admit(o.Object)
				real := cluster.Create(t.Context(), o, client.DryRunAll)
				if (len(within) == 0) != (real == nil) {
					t.Errorf("%s, %s: the API server says %v, and within the process it is %v", kind, m, real, within)
				}
			}
		}
	}
}
