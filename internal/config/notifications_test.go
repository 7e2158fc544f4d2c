// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

func TestParseNotifications(t *testing.T) {
	n, err := ParseNotifications([]byte(`
groupWait: 10s
notifiers:
- {name: on-call, type: alertmanager, url: "http://alertmanager.monitoring:9093", severity: High, namespaces: [shop, "team-*"]}
- {name: chat, type: url, urlFile: /etc/lifeboat/notifiers/chat/url, resolved: false}
`))
	if err != nil {
		t.Fatal(err)
	}
	if n.GroupWait.Duration != 10*time.Second || n.MinInterval.Duration != time.Minute {
		t.Errorf("times are %s and %s", n.GroupWait.Duration, n.MinInterval.Duration)
	}
	first, second := n.Notifiers[0], n.Notifiers[1]
	if first.Severity != api.SeverityHigh || !*first.Resolved || len(first.Namespaces) != 2 {
		t.Errorf("the first is %+v", first)
	}
	if second.Severity != api.SeverityMedium || *second.Resolved || second.URLFile == "" {
		t.Errorf("the second is %+v", second)
	}
	if none, err := ReadNotifications(""); err != nil || len(none.Notifiers) != 0 {
		t.Errorf("without a file: %+v, %v", none, err)
	}
}

// TestRefusedNotifications also shows that a refusal repeats no URL: it may hold a password.
func TestRefusedNotifications(t *testing.T) {
	const secret = "hunter2"
	one := func(fields string) string { return "notifiers:\n- {" + fields + "}\n" }
	for text, want := range map[string]string{
		"groupWaits: 1s":   "groupWaits",
		"groupWait: soon":  "correct the field",
		"minInterval: -1s": "minInterval is -1s: must be between",
		"groupWait: 25h":   "groupWait is 25h0m0s: must be between",
		one("name: a, type: url, urlFile: /x, colour: red"):                                    "colour",
		one("name: A, type: url, urlFile: /x"):                                                 "notifiers[0].name: \"A\" must be",
		one("name: a, type: slack, urlFile: /x"):                                               "notifiers[0].type: \"slack\" must be alertmanager or url",
		one("name: a, type: url, urlFile: /x, severity: Loud"):                                 "notifiers[0].severity: \"Loud\" must be",
		one("name: a, type: url, urlFile: /x, severity: Pending"):                              "told to nobody",
		one("name: a, type: url, urlFile: /x, namespaces: ['[']"):                              "namespaces: \"[\" must be",
		one("name: a, type: url, urlFile: /x, namespaces: ['']"):                               "namespaces: \"\" must be",
		one("name: a, type: url"):                                                              "urlFile: must be set",
		one("name: a, type: url, url: 'slack://" + secret + "@x'"):                             "put the URL in a Secret",
		one("name: a, type: alertmanager"):                                                     "exactly one of url and urlFile",
		one("name: a, type: alertmanager, url: 'http://a', urlFile: /x"):                       "exactly one of url and urlFile",
		one("name: a, type: alertmanager, url: 'alertmanager:9093'"):                           "such as http://",
		one("name: a, type: alertmanager, url: 'http://me:" + secret + "@a:9093'"):             "no credentials",
		one("name: a, type: alertmanager, url: 'http://a:9093/?token=" + secret + "'"):         "no credentials",
		one("name: a, type: alertmanager, url: 'http://a:9093', resolved: false"):              "send_resolved",
		"notifiers:\n- {name: a, type: url, urlFile: /x}\n- {name: a, type: url, urlFile: /y}": "notifiers[1].name: \"a\" is taken",
		"notifiers: [" + strings.Repeat("{name: a, type: url, urlFile: /x},", 9) + "]":         "at most 8",
	} {
		_, err := ParseNotifications([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := ReadNotifications(missing); err == nil || !strings.Contains(err.Error(), "--notifications: ") {
		t.Errorf("of a missing file: %v", err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("a: b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadNotifications(wrong); err == nil || !strings.Contains(err.Error(), wrong) {
		t.Errorf("the file is not named: %v", err)
	}
}
