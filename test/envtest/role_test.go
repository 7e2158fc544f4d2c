// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// request is a line of the audit log.
type request struct {
	Verb string
	User struct{ Username string }
	Ref  struct {
		APIGroup, Resource, Subresource, Namespace, Name string
	} `json:"objectRef"`
	Received time.Time          `json:"requestReceivedTimestamp"`
	Response struct{ Code int } `json:"responseStatus"`
}

// right is a verb on a resource of a group, with its subresource.
type right struct{ group, resource, verb string }

func (r right) String() string {
	return strings.TrimPrefix(r.group+" ", " ") + r.resource + " " + r.verb
}

func (r request) right() right {
	resource := r.Ref.Resource
	if r.Ref.Subresource != "" {
		resource += "/" + r.Ref.Subresource
	}
	return right{r.Ref.APIGroup, resource, r.Verb}
}

// requests are those of the operator since an instant.
func requests(t *testing.T, since time.Time) []request {
	t.Helper()
	out, err := readRequests(suite.server, since)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readRequests(of *apiserver.Server, since time.Time) ([]request, error) {
	log, err := os.ReadFile(of.AuditLog)
	if err != nil {
		return nil, err
	}
	log = log[:bytes.LastIndexByte(log, '\n')+1] // the last line may be being written
	var out []request
	for line := range bytes.Lines(log) {
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		if r.User.Username == account && !r.Received.Before(since) {
			out = append(out, r)
		}
	}
	return out, nil
}

// unused are rights that this suite does not exercise, each with the reason for which the operator needs them.
func unused(r right) (reason string) {
	switch {
	case r.group == "groupsnapshot.storage.k8s.io" || r == right{"snapshot.storage.k8s.io", "volumesnapshots", "patch"}:
		return "group snapshots are taken by the end-to-end tests, with a storage system that has them"
	case r.verb == "list" && !listed[r.resource]:
		return "an API server that does not stream lists to watchers, as older ones, is asked for the list"
	case r == right{"", "configmaps", "delete"}:
		return "statements of drills go once there are more than a hundred"
	}
	return ""
}

// eventAgain is used or not, as time has it: an event that happens again within minutes is counted on the first one.
var eventAgain = right{"events.k8s.io", "events", "patch"}

// listed are the resources that are also listed live.
var listed = map[string]bool{"recoverypoints": true, "persistentvolumeclaims": true, "pods": true, "networkpolicies": true, "configmaps": true, "repositories": true}

// verifyRole is called once all tests have run: nothing was forbidden, no right is left over, and no law was broken.
func verifyRole() error {
	all, err := readRequests(suite.server, time.Time{})
	if err != nil {
		return err
	}
	granted, err := roleRights("config/rbac/role.yaml")
	if err != nil {
		return err
	}
	var errs []error
	used := map[right]bool{}
	for _, r := range all {
		used[r.right()] = true
		if r.Response.Code == 403 && r.Verb != "create" { // a quota's refusal of a creation is no lack of a right
			errs = append(errs, fmt.Errorf("forbidden: %s", r.right()))
		}
	}
	for _, g := range granted {
		if why := unused(g); !used[g] && why == "" && g != eventAgain {
			errs = append(errs, fmt.Errorf("config/rbac/role.yaml grants %q, which no test uses: take it away, or name the reason in unused", g))
		} else if used[g] && why != "" {
			errs = append(errs, fmt.Errorf("%q is used: take it out of unused", g))
		}
	}
	for _, log := range suite.logs {
		for line := range strings.Lines(log()) {
			if strings.Contains(line, "is forbidden: User") {
				errs = append(errs, fmt.Errorf("the operator was forbidden something: %s", line))
			}
		}
	}
	if len(used) == 0 {
		errs = append(errs, errors.New("the audit log holds no request of the operator"))
	}
	return errors.Join(append(errs, suite.laws.verdict())...)
}

// roleRights are those of the first role in a file.
func roleRights(path string) ([]right, error) {
	raw, err := read(path)
	if err != nil {
		return nil, err
	}
	var role rbacv1.ClusterRole
	if err := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096).Decode(&role); err != nil {
		return nil, err
	}
	var out []right
	for _, r := range role.Rules {
		for _, g := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					out = append(out, right{g, resource, verb})
				}
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].String() < out[j].String() })
	return out, nil
}

func read(path string) ([]byte, error) {
	root, err := apiserver.Root()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(root, path))
}

// TestRoleIsTheGoldenOne keeps a change of what the operator may do from going unnoticed: the generated role, and the
// chart's, are those in testdata. When a change is meant, copy config/rbac/role.yaml there.
func TestRoleIsTheGoldenOne(t *testing.T) {
	golden, err := os.ReadFile("testdata/role.golden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	role, err := read("config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(role, golden) {
		t.Error("config/rbac/role.yaml is not test/envtest/testdata/role.golden.yaml: when the change of rights is meant, copy it there")
	}
	chart, err := read("charts/lifeboat/templates/manager-role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rulesText(chart), rulesText(role); got == "" || got != want {
		t.Errorf("the rules of charts/lifeboat/templates/manager-role.yaml are not those of config/rbac/role.yaml; run `make generate`:\n%s", got)
	}
}

// rulesText is what a role's text says from its rules on, which templates do not change.
func rulesText(role []byte) string {
	at := slices.Index(strings.Split(string(role), "\n"), "rules:")
	if at < 0 {
		return ""
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(role)), "\n")[at:], "\n")
}
