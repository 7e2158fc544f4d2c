// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	core "github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/evidence"
)

// workplace is a folder with a public key and the envelopes of three drills, 0.json to 2.json.
type workplace struct {
	folder    string
	envelopes []string
	digests   []string
}

func set(t testing.TB) workplace {
	t.Helper()
	w := workplace{folder: t.TempDir()}
	key, err := evidence.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "public.pem", string(public))
	content, previous := core.Digest(nil), ""
	for n := range 3 {
		d := core.Drill{
			Policy: core.Policy{Namespace: "shop", Name: "db", UID: "uid-of-db"},
			Drill:  core.Object{Name: fmt.Sprint("drill-", n), UID: fmt.Sprint("uid-of-drill-", n)},
			Point: core.Point{Name: fmt.Sprint("db-point-", n), UID: fmt.Sprint("uid-of-point-", n), Volumes: []core.Volume{
				{Claim: "data", ClaimUID: "uid-of-data", Fingerprint: content, Read: content},
			}},
			Level: core.Intact, Required: core.Intact, Verdict: core.Passed, Reason: "Passed", RecoverySeconds: 83,
			Finished: time.Date(2026, 11, 1+n, 3, 0, 0, 0, time.UTC), Previous: previous,
		}
		if n == 1 {
			d.Point, d.Level, d.Verdict, d.Reason, d.RecoverySeconds = core.Point{}, "", core.Failed, "NoEligiblePoint", 0
		}
		payload, err := core.Statement(d)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := evidence.Sign(key, payload)
		if err != nil {
			t.Fatal(err)
		}
		previous = core.Digest(payload)
		w.digests = append(w.digests, previous)
		w.envelopes = append(w.envelopes, string(envelope))
		w.write(t, fmt.Sprint(n, ".json"), string(envelope))
	}
	return w
}

func (w workplace) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w workplace) path(name string) string { return filepath.Join(w.folder, name) }

// run gives the command the key, and names of the folder; what does not end in .json is passed as it is.
func (w workplace) run(stdin string, args ...string) (string, error) {
	full := []string{"--key", w.path("public.pem")}
	for _, arg := range args {
		if strings.HasSuffix(arg, ".json") || strings.HasSuffix(arg, ".yaml") {
			arg = w.path(arg)
		}
		full = append(full, arg)
	}
	var out bytes.Buffer
	err := Verify(full, strings.NewReader(stdin), &out)
	return out.String(), err
}

// configMaps is what kubectl prints: out of order, and with a ConfigMap that has nothing to do with evidence.
func (w workplace) configMaps(t testing.TB, order ...int) []corev1.ConfigMap {
	t.Helper()
	all := []corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: "kube-root-ca.crt", Namespace: "shop"}, Data: map[string]string{"ca.crt": "x"}}}
	for _, n := range order {
		all = append(all, corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprint("evidence-", n), Namespace: "shop", Annotations: map[string]string{"lifeboat.dev/evidence-sequence": fmt.Sprint(n + 9)}, // 9, 10, 11 sort as numbers
			},
			Data: map[string]string{"envelope.json": w.envelopes[n]},
		})
	}
	return all
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// list is what kubectl prints, which names the kind of its list List.
func list(kind string, items []corev1.ConfigMap) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": kind, "items": items, "metadata": map[string]any{"resourceVersion": ""}}
}

func TestWhatIsPrinted(t *testing.T) {
	w := set(t)
	out, err := w.run("", "0.json", "1.json", "2.json")
	if err != nil {
		t.Fatal(err)
	}
	want := `2026-11-01T03:00:00Z  shop/db  db-point-0  -  Intact of Intact    Passed                    recovered in 1m23s
2026-11-02T03:00:00Z  shop/db  no point    -  no level of Intact  Failed (NoEligiblePoint)  recovery time not measured
2026-11-03T03:00:00Z  shop/db  db-point-2  -  Intact of Intact    Passed                    recovered in 1m23s
chain of shop/db: whole, from the first drill on; 3 statements, the last is ` + w.digests[2] + "\n"
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	out, err = w.run("", "1.json", "2.json")
	if err != nil || !strings.Contains(out, "chain of shop/db: whole, after "+w.digests[0]+", which is not among these; 2 statements") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWhatIsRead(t *testing.T) {
	w := set(t)
	asYAML := func(text string) string {
		out, err := yaml.JSONToYAML([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	byCreation := w.configMaps(t, 2, 0, 1)
	for n, order := range []int{2, 0, 1} {
		byCreation[n+1].Annotations = nil
		byCreation[n+1].CreationTimestamp = metav1.NewTime(time.Date(2026, 11, 1+order, 0, 0, 0, 0, time.UTC))
	}
	single := marshal(t, w.configMaps(t, 2)[1])
	shuffled := marshal(t, list("List", w.configMaps(t, 2, 0, 1)))
	for _, tc := range []struct {
		name, stdin string
		drills      int
	}{
		{"an envelope", w.envelopes[0], 1},
		{"a ConfigMap", single, 1},
		{"a ConfigMap as YAML", asYAML(single), 1},
		{"a list, in any order", shuffled, 3},
		{"a list as YAML", asYAML(shuffled), 3},
		{"a list by its proper kind", marshal(t, list("ConfigMapList", w.configMaps(t, 1, 0))), 2},
		{"a list without sequence, by creation", marshal(t, list("List", byCreation)), 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := w.run(tc.stdin, "-")
			if err != nil || strings.Count(out, "shop/db  ") != tc.drills {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if out, err := w.run(single, "0.json", "1.json", "-"); err != nil || !strings.Contains(out, "3 statements") {
		t.Errorf("files and standard input: %v\n%s", err, out)
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := set(t)
	w.write(t, "changed.json", strings.Replace(w.envelopes[1], `"payload":"eyJ`, `"payload":"eyK`, 1))
	w.write(t, "text.json", "a: b: c")
	w.write(t, "other.json", `{"kind":"Secret"}`)
	w.write(t, "none.json", marshal(t, list("List", w.configMaps(t))))
	misnumbered := w.configMaps(t, 0)
	misnumbered[1].Annotations["lifeboat.dev/evidence-sequence"] = "first"
	w.write(t, "misnumbered.json", marshal(t, list("List", misnumbered)))
	w.write(t, "dropped.json", marshal(t, list("List", w.configMaps(t, 0, 2))))
	for _, tc := range []struct {
		args   []string
		want   string // in the error
		output string // in what is printed
	}{
		{[]string{"0.json", "changed.json", "2.json"}, "changed.json: the signature does not fit", "BROKEN"},
		{[]string{"0.json", "2.json"}, "Gap: " + w.path("2.json") + " follows " + w.digests[1], "BROKEN"},
		{[]string{"1.json", "0.json"}, "OutOfOrder", "BROKEN"},
		{[]string{"dropped.json"}, "Gap: ConfigMap shop/evidence-2 follows", "BROKEN"},
		{[]string{"--last", "sha256:x", "0.json"}, "WrongEnd", "2026-11-01"},
		{[]string{"text.json"}, "text.json: neither JSON nor YAML", ""},
		{[]string{"other.json"}, "other.json: neither an envelope nor ConfigMaps", ""},
		{[]string{"none.json"}, "no ConfigMap has the key envelope.json", ""},
		{[]string{"misnumbered.json"}, `is "first", not a number`, ""},
		{[]string{"absent.json"}, "absent.json: no such file", ""},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			out, err := w.run("", tc.args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(out, tc.output) {
				t.Errorf("want %q, got %v\n%s", tc.want, err, out)
			}
		})
	}
	if out, err := w.run("", "--last", w.digests[2], "0.json", "1.json", "2.json"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUsage(t *testing.T) {
	w := set(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "--key is missing"},
		{[]string{"0.json"}, "--key is missing"},
		{[]string{"--key", w.path("public.pem")}, "no file was named"},
		{[]string{"--key", w.path("absent.pem"), "0.json"}, "absent.pem"},
		{[]string{"--key", w.path("0.json"), "0.json"}, "no PEM block"},
		{[]string{"--wrong"}, "-wrong"},
	} {
		var out bytes.Buffer
		err := Verify(tc.args, strings.NewReader(""), &out)
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "usage: ") || out.Len() > 0 {
			t.Errorf("%v: %v", tc.args, err)
		}
	}
	var out bytes.Buffer
	if err := Verify([]string{"--help"}, strings.NewReader(""), &out); err != nil || !strings.HasPrefix(out.String(), "usage: ") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestTheDocumentedUsage keeps the page of the command true.
func TestTheDocumentedUsage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/reference/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range regexp.MustCompile(`--[a-z]+`).FindAllString(usage, -1) {
		if !strings.Contains(string(page), "`"+flag) && !strings.Contains(string(page), flag+" ") {
			t.Errorf("docs/reference/evidence.md does not tell of %s", flag)
		}
	}
}

func FuzzEnvelopes(f *testing.F) {
	w := set(f)
	f.Add([]byte(w.envelopes[0]))
	f.Add([]byte(marshal(f, list("List", w.configMaps(f, 1, 0)))))
	f.Add([]byte("kind: ConfigMap\ndata: {envelope.json: x}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := envelopes("fuzzed", text)
		if (err == nil) != (len(found) > 0) {
			t.Errorf("found %d, and %v", len(found), err)
		}
	})
}
