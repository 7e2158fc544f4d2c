// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"
)

// FuzzNotifications shows that what is understood of a file stays the same when it is written and read again, and is within bounds.
func FuzzNotifications(f *testing.F) {
	for _, s := range []string{"", "{}", "groupWait: 10s\nnotifiers: [{name: a, type: alertmanager, url: \"http://a:9093\"}]", "notifiers: [{name: a, type: url, urlFile: /x, severity: Low, namespaces: [\"*\", \"[\"]}]",
		"minInterval: -1s", "minInterval: 99999999h", "notifiers: [{}]", "notifiers: {a: b}", "a: &a [*a, *a]", "notifiers: [{name: a, type: alertmanager, url: \"http://a:b@c\"}]",
		"notifiers: [{name: a, type: alertmanager, url: \"http://:9093\"}]", "groupWait: 1.5h", "notifiers: []"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := ParseNotifications(text)
		if err != nil {
			return
		}
		if n.GroupWait.Duration < 0 || n.GroupWait.Duration > longestWait || n.MinInterval.Duration < 0 || n.MinInterval.Duration > longestWait || len(n.Notifiers) > mostNotifiers {
			t.Fatalf("beyond bounds: %+v", n)
		}
		raw, err := yaml.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseNotifications(raw)
		if err != nil {
			t.Fatalf("what was understood cannot be read again: %v\n%s", err, raw)
		}
		if diff := cmp.Diff(n, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("written and read again it is another:\n%s", diff)
		}
	})
}
