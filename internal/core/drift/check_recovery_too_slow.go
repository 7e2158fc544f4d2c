// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

const (
	lastMeasured = 3  // of so many measured recoveries the slowest counts
	nearly       = 80 // per cent of the objective, from which on it is told
)

// checkRecoveryTooSlow finds that a recovery took longer than is promised: the slowest of the last three.
var checkRecoveryTooSlow = check{
	kinds: []string{api.ReasonRecoveryTooSlow},
	needs: []Fact{FactDrills},
	of:    []string{api.ConditionProven},
	judge: func(p *pass) {
		last, o := p.Status.LastProof, p.Policy.Spec.Objectives
		if last == nil || o == nil || o.RecoveryTime == nil {
			return
		}
		f := Finding{}
		f.Kind, f.Severity, f.Since = api.ReasonRecoveryTooSlow, api.SeverityHigh, last.At
		f.Remedy = "kubectl describe drill shows the time of each phase; speed up what is slowest, or promise what can be kept in objectives.recoveryTime"
		worst := p.slowest()
		switch allowed := o.RecoveryTime.Duration; {
		case worst.drill == "":
			f.Blurs = []string{api.ConditionProven}
			f.Severity = api.SeverityMedium
			f.Message = "the newest proof measured no recovery time"
		case worst.took > allowed:
			f.Breaks = []string{api.ConditionProven}
			f.Since = worst.at
			f.Message = fmt.Sprintf("the proven recovery of drill %s took %s, and no more than %s is asked for", worst.drill, worst.took, allowed)
		case worst.took*100 >= allowed*nearly:
			f.Severity, f.Since = api.SeverityMedium, worst.at
			f.Message = fmt.Sprintf("the proven recovery of drill %s took %s, which is near the %s that are asked for", worst.drill, worst.took, allowed)
		default:
			return
		}
		p.find(f)
	},
}

// measured is how long a proven recovery took.
type measured struct {
	drill string
	took  time.Duration
	at    metav1.Time
}

// slowest is the slowest of the last measured recoveries; zero when none was measured.
func (p *pass) slowest() measured {
	var all []measured
	if last := p.Status.LastProof; last.RecoveryTime != nil {
		all = append(all, measured{last.Drill, last.RecoveryTime.Duration, last.At})
	}
	for _, d := range p.Drills {
		if s := d.Status; s.Verdict == api.VerdictPassed && s.Evidence != nil && s.RecoveryTime != nil && s.FinishedAt != nil && d.Name != p.Status.LastProof.Drill {
			all = append(all, measured{d.Name, s.RecoveryTime.Duration, *s.FinishedAt})
		}
	}
	slices.SortFunc(all, func(a, b measured) int { return b.at.Compare(a.at.Time) })
	var worst measured
	for _, m := range all[:min(len(all), lastMeasured)] {
		if m.took > worst.took {
			worst = m
		}
	}
	return worst
}
