// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

func succeededWith(status metav1.ConditionStatus, why Problem) metav1.Condition {
	return conditions.Is(api.ConditionSucceeded, status, why.Reason, why.Message)
}

func volumes(n int) string {
	if n == 1 {
		return "1 volume"
	}
	return fmt.Sprintf("%d volumes", n)
}

// howVerified tells those that equal their fingerprint from those of which there was none.
func howVerified(all []api.RestoredVolume) string {
	intact, files, bytes := 0, int64(0), int64(0)
	told := ""
	for _, v := range all {
		if v.Message != "" && told == "" {
			told = fmt.Sprintf("; volume %s: %s", v.Claim, v.Message)
		}
		if v.Verified == api.LevelIntact {
			intact++
		}
		if v.Read != nil {
			files, bytes = files+v.Read.Files, bytes+v.Read.Bytes
		}
	}
	read := fmt.Sprintf("%d files of %d bytes were read", files, bytes)
	switch {
	case told != "":
		return read + told
	case intact == len(all):
		return read + ", and are those that were captured"
	case intact == 0:
		return read + "; the point has no fingerprint to compare them with"
	}
	return read + fmt.Sprintf("; %d of %d volumes have a fingerprint, and equal it", intact, len(all))
}

// reportRestore states how far the restore is.
func (p *RestorePlan) reportRestore() {
	if p.Status.Run == nil {
		return
	}
	done := 0
	for _, v := range p.Status.Volumes {
		if v.State == api.RestoreRestored || v.State == api.RestoreVerified || v.State == api.RestoreSwapping {
			done++
		}
	}
	p.Status.Progress = fmt.Sprintf("%d/%d", done, len(p.Status.Volumes))
}

// stated is the plan with every condition.
func (p RestorePlan) stated(o RestoreObserved, now time.Time) RestorePlan {
	var stated []metav1.Condition
	if p.Status.FinishedAt == nil {
		reason, message := p.underWay()
		stated = append(stated, succeededWith(metav1.ConditionUnknown, Problem{reason, message}), conditions.Reconciling(reason, message))
	} else {
		verdict := p.said
		if was := findCondition(o.Restore.Status.Conditions, api.ConditionSucceeded); was != nil && verdict.Type == "" {
			verdict = *was
		}
		stated = append(stated, verdict)
		switch {
		case p.Finalizer != FinalizerRelease && slices.Contains(o.Restore.Finalizers, api.FinalizerThrowaways):
			stated = append(stated, conditions.Reconciling(api.ReasonCleaningUp, "the pods that read the volumes are being removed"))
		case verdict.Status != metav1.ConditionTrue:
			stated = append(stated, conditions.Stalled(verdict.Reason, verdict.Message))
		}
	}
	p.Status.Conditions = conditions.State(o.Restore.Status.Conditions, o.Restore.Generation, now, stated...)
	return p
}

func (p *RestorePlan) underWay() (reason, message string) {
	if p.Status.Run == nil && p.waits != nil {
		return p.waits.Reason, "nothing was begun yet: " + p.waits.Message
	}
	if p.Status.Run == nil {
		return api.ReasonRestoring, "the restore has not started yet"
	}
	reason, message = api.ReasonRestoring, p.Status.Progress+" volumes are restored and verified"
	if p.Safety != nil || p.safetyPending() {
		return api.ReasonSafetyPointPending, fmt.Sprintf("recovery point %s of the present state is being taken first", p.Status.SafetyPoint)
	}
	if swapping(p.Status) {
		reason, message = api.ReasonSwapping, "the restored volumes take the place of the old ones"
	}
	for _, v := range p.Status.Volumes {
		if v.Reason != "" && v.State != api.RestoreRestored {
			return reason, message + fmt.Sprintf("; volume %s: %s", v.Claim, v.Message)
		}
	}
	return reason, message
}

// safetyPending says whether nothing was begun because the recovery point of the present state is not complete yet.
func (p *RestorePlan) safetyPending() bool {
	return p.Status.SafetyPoint != "" && len(p.Bring) == 0 &&
		!slices.ContainsFunc(p.Status.Volumes, func(v api.RestoredVolume) bool { return v.State != api.RestorePending })
}

// sentences say what a restore does.
func sentences(o RestoreObserved, x aimed) []string {
	point, all := x.point, x.all
	if point == nil {
		return nil
	}
	r := o.Restore
	out := []string{fmt.Sprintf("recovery point %s of policy %s, whose data are from %s", point.Name, point.Spec.Policy.Name, point.Status.PointInTime.UTC().Format(time.RFC3339))}
	if x.from == api.FromCopy {
		out = append(out, fmt.Sprintf("it is restored from copy %s, in Repository %s; no snapshot is touched", x.copy, copyNamed(point, x.copy).Repository))
	}
	if r.Spec.InPlace {
		out = append(out, fmt.Sprintf("first recovery point %s of policy %s is taken of the present state, and put on hold; without it nothing is replaced",
			names.SafetyPoint(r.Name, string(r.UID)), point.Spec.Policy.Name))
	}
	for _, a := range all {
		out = append(out, clipMessage(sentence(o, point, a)))
	}
	if r.Spec.InPlace {
		out = append(out, "once every volume is verified, and no pod uses the claims, each claim is deleted and made again, with its name, labels, annotations and spec, on the restored volume",
			fmt.Sprintf("the replaced volumes are kept, released, for %s", duration(r.Spec.KeepOldFor, DefaultKeepOldFor)))
	}
	return out
}

func sentence(o RestoreObserved, point *api.RecoveryPoint, a aim) string {
	if a.problem != nil {
		return fmt.Sprintf("claim %s: refused, %s: %s", a.source.Claim, a.problem.Reason, a.problem.Message)
	}
	check := "every byte is read; the point has no fingerprint to compare it with"
	switch {
	case len(o.Restore.Spec.Paths) > 0:
		check = fmt.Sprintf("of it %d paths; each file is compared with the copy as it is written, and every byte is read", len(o.Restore.Spec.Paths))
	case wantedOf(a.source, point.Status.Fingerprint) != nil:
		check = "every byte is read, and compared with the fingerprint of the point"
	}
	size := larger(a.source.Size, a.into.size)
	what := fmt.Sprintf("(storage class %s, %s, %s, %s)", cmp.Or(a.into.class, a.source.StorageClass), size.String(), cmp.Or(a.into.access, "ReadWriteOnce"), cmp.Or(a.source.Mode, "Filesystem"))
	from := fmt.Sprintf("claim %s: VolumeSnapshot %s becomes", a.source.Claim, a.source.Snapshot.Name)
	if a.source.Copy != nil {
		from = fmt.Sprintf("claim %s: its copy is written into", a.source.Claim)
	}
	if o.Restore.Spec.InPlace {
		return fmt.Sprintf("%s the temporary claim %s %s; %s; then its volume takes the place of %s", from, a.into.name, what, check, o.Places[a.source.Claim].Claim.Volume)
	}
	return fmt.Sprintf("%s the new claim %s %s; %s", from, a.as, what, check)
}
