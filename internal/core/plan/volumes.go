// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Selection is the answer to which claims a policy means.
type Selection struct {
	Claims  []Claim
	Missing []string // named, and not there
	Problem *Problem // the selection itself cannot be evaluated, or is empty
}

// Select finds the claims that a policy means among those of its namespace. The result is sorted by name.
func Select(spec api.VolumeSelection, claims []Claim, workload *Workload) Selection {
	var s Selection
	switch {
	case spec.Selector != nil:
		s = byLabels(spec.Selector, claims)
	case spec.Workload != nil:
		s = byWorkload(spec.Workload, claims, workload)
	default:
		s = byNames(spec.Claims, claims)
	}
	slices.SortFunc(s.Claims, func(a, b Claim) int { return strings.Compare(a.Name, b.Name) })
	if s.Problem == nil && len(s.Claims) == 0 && len(s.Missing) == 0 {
		s.Problem = &Problem{api.ReasonPolicySelectsNothing, "spec.volumes selects no PersistentVolumeClaim of this namespace; check the labels of the claims"}
	}
	return s
}

func byLabels(spec *api.LabelSelector, claims []Claim) Selection {
	selector, err := metav1.LabelSelectorAsSelector(spec.AsMeta())
	if err != nil {
		return Selection{Problem: &Problem{api.ReasonInvalidSelector, "spec.volumes.selector: " + err.Error()}}
	}
	var s Selection
	for _, c := range claims {
		if selector.Matches(labels.Set(c.Labels)) {
			s.Claims = append(s.Claims, c)
		}
	}
	return s
}

func byNames(names []string, claims []Claim) Selection {
	found := make(map[string]Claim, len(claims))
	for _, c := range claims {
		found[c.Name] = c
	}
	var s Selection
	for _, n := range names {
		if c, ok := found[n]; ok {
			s.Claims = append(s.Claims, c)
		} else {
			s.Missing = append(s.Missing, n)
		}
	}
	return s
}

// byWorkload takes the claims of every ordinal, also beyond the present scale: scaled-down data are still data.
func byWorkload(ref *api.WorkloadReference, claims []Claim, w *Workload) Selection {
	if w == nil || !w.Found {
		return Selection{Problem: &Problem{api.ReasonWorkloadNotFound,
			fmt.Sprintf("spec.volumes.workload: there is no %s %q in this namespace", ref.Kind, ref.Name)}}
	}
	s := byNames(w.Claims, claims)
	for _, c := range claims {
		if ofTemplate(c.Name, w) && !slices.Contains(w.Claims, c.Name) {
			s.Claims = append(s.Claims, c)
		}
	}
	return s
}

// ofTemplate knows the claims of a StatefulSet by the name Kubernetes gives them: <template>-<set>-<ordinal>.
func ofTemplate(claim string, w *Workload) bool {
	for _, t := range w.Templates {
		ordinal, ok := strings.CutPrefix(claim, t+"-"+w.Name+"-")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(ordinal, 10, 31); err == nil && strconv.FormatUint(n, 10) == ordinal {
			return true
		}
	}
	return false
}

// classFor resolves the snapshot class for a claim, or says why it cannot be captured as things stand.
func classFor(c Claim, named string, classes []Class) (string, *Problem) {
	if p := uncapturable(c); p != nil {
		return "", p
	}
	if named != "" {
		return aloneClasses.named(c.Driver, named, classes)
	}
	return aloneClasses.byDefault(c.Driver, classes)
}

// classKind is a kind of snapshot class: where a policy names one of it, and what marks one as a default.
type classKind struct{ kind, field, mark string }

var (
	aloneClasses = classKind{"VolumeSnapshotClass", "spec.snapshot.className", "snapshot.storage.kubernetes.io/is-default-class"}
	groupClasses = classKind{"VolumeGroupSnapshotClass", "spec.snapshot.groupClassName", "groupsnapshot.storage.kubernetes.io/is-default-class"}
)

func uncapturable(c Claim) *Problem {
	switch {
	case c.Deleting:
		return &Problem{api.ReasonClaimTerminating, "the claim is being deleted"}
	case !c.Bound:
		return &Problem{api.ReasonClaimNotBound, "the claim has no volume yet; with volumeBindingMode WaitForFirstConsumer it gets one when a pod uses it"}
	case c.Driver == "":
		return &Problem{api.ReasonNotCSI, "the volume is not served by a CSI driver, so it has no snapshots; move the data to a CSI storage class"}
	}
	return nil
}

func (k classKind) named(driver, name string, classes []Class) (string, *Problem) {
	for _, c := range classes {
		if c.Name != name {
			continue
		}
		if c.Driver != driver {
			return "", &Problem{api.ReasonClassForOtherDriver,
				fmt.Sprintf("%s: class %q is of driver %s and the volume of driver %s; name another class, or leave it out to use the driver's default", k.field, name, c.Driver, driver)}
		}
		return name, nil
	}
	return "", &Problem{api.ReasonClassNotFound, fmt.Sprintf("%s: class %q does not exist; create it, or leave it out to use the driver's default", k.field, name)}
}

func (k classKind) byDefault(driver string, classes []Class) (string, *Problem) {
	var found []string
	for _, c := range classes {
		if c.Driver == driver && c.Default {
			found = append(found, c.Name)
		}
	}
	sort.Strings(found)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &Problem{api.ReasonNoSnapshotClass,
			fmt.Sprintf("driver %s has no default %s; annotate one with %s=true, or name one in %s", driver, k.kind, k.mark, k.field)}
	}
	return "", &Problem{api.ReasonSeveralDefaultClasses,
		fmt.Sprintf("driver %s has several default %ses (%s); keep one default, or name one in %s", driver, k.kind, strings.Join(found, ", "), k.field)}
}
