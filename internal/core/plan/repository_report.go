// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// Report is the repository's status once the plan was carried out, and what is to be told of it.
func (p *RepositoryPlan) Report(o RepositoryObserved, now time.Time) (api.RepositoryStatus, []Note) {
	if p.settled {
		return p.status, nil
	}
	r := o.Repository
	p.status.ObservedGeneration = p.generation
	ready := p.ready(r)
	stated := []metav1.Condition{ready, p.opened(r), p.verifiedCondition(r, now)}
	if lock := p.immutable(r); lock != nil {
		stated = append(stated, *lock)
	}
	stated = append(stated, help(ready)...)
	before := r.Status.Conditions
	p.status.Conditions = conditions.State(before, p.generation, now, stated...)
	notes := p.notes
	for _, c := range stated {
		if n := news(findCondition(before, c.Type), c); n != nil {
			notes = append(notes, *n)
		}
	}
	return p.status, notes
}

// ready says whether copies can be made in the repository, and brought back from it.
func (p *RepositoryPlan) ready(r *api.Repository) metav1.Condition {
	c := p.opened(r)
	c.Type = api.ConditionReady
	if c.Status == metav1.ConditionTrue {
		c.Message = "copies can be made in it, and brought back from it"
	}
	if r.Spec.Import && c.Status == metav1.ConditionTrue && p.status.Import != nil && p.status.Import.Reason != "" {
		c.Message += "; what it holds could not be imported: " + p.status.Import.Message
	}
	return c
}

// opened says whether the repository can be opened.
func (p *RepositoryPlan) opened(r *api.Repository) metav1.Condition {
	run := p.status.Probe
	is := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return conditions.Is(api.ConditionReachable, status, reason, message)
	}
	switch {
	case p.blocked != nil:
		return is(metav1.ConditionFalse, p.blocked.Reason, p.blocked.Message)
	case run != nil && run.Reason != "":
		return is(metav1.ConditionFalse, run.Reason, run.Message)
	case p.status.UniqueID != "":
		return is(metav1.ConditionTrue, api.ReasonRepositoryReady, "the last probe could open it")
	case creates(r):
		return is(metav1.ConditionUnknown, api.ReasonRepositoryProbing, "the repository is being made")
	}
	return is(metav1.ConditionUnknown, api.ReasonRepositoryProbing, "the repository is being opened for the first time")
}

// verifiedCondition says whether every byte was read back in time, and no damage is known.
func (p *RepositoryPlan) verifiedCondition(r *api.Repository, now time.Time) metav1.Condition {
	is := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return conditions.Is(api.ConditionVerified, status, reason, message)
	}
	within, d, last := duration(r.Spec.VerifyWithin, defaultVerifyWithin), p.status.Damage, p.status.LastVerified
	late := !now.Before(p.verifiedUntil(r))
	switch {
	case d != nil:
		return is(metav1.ConditionFalse, api.ReasonCopyCorrupt, damageMessage(*d))
	case late && last == nil:
		return is(metav1.ConditionFalse, api.ReasonVerificationOverdue, fmt.Sprintf("it was never read back, and spec.verifyWithin, %s, has passed%s", within, p.whyNot()))
	case late:
		return is(metav1.ConditionFalse, api.ReasonVerificationOverdue, fmt.Sprintf("it was last read back at %s, which is longer ago than spec.verifyWithin, %s%s", last.UTC().Format(time.RFC3339), within, p.whyNot()))
	case last == nil:
		return is(metav1.ConditionUnknown, api.ReasonNotVerified, "not every byte of it was read back yet"+p.whyNot())
	}
	return is(metav1.ConditionTrue, api.ReasonRepositoryVerified, "every byte was read back at "+last.UTC().Format(time.RFC3339))
}

// whyNot is why the last verification brought nothing, to be put at the end of a sentence.
func (p *RepositoryPlan) whyNot() string {
	if v := p.status.Verification; v != nil && v.Reason != "" {
		return ": " + v.Message
	}
	return ""
}

func damageMessage(d api.RepositoryDamage) string {
	what := fmt.Sprintf("%d pieces of data cannot be read back, and %d copies of volumes need one of them", d.Contents, d.Copies)
	if d.PointCount > 0 {
		what += fmt.Sprintf(", of %d recovery points: %s", d.PointCount, drift.SomeOf(damagedNames(&d), int(d.PointCount)))
	}
	if d.Contents+d.Copies == 0 {
		what = "it cannot be read as far as it takes to tell what is damaged"
	}
	if d.Healing {
		return what + "; they were set aside, so that the next copies bring anew what the source still has"
	}
	return what + "; look after the store, and keep every snapshot that there is"
}

// immutable says whether the bucket refuses deletions; nil where that is not promised. What a probe found holds until the next.
func (p *RepositoryPlan) immutable(r *api.Repository) *metav1.Condition {
	switch was := findCondition(r.Status.Conditions, api.ConditionImmutable); {
	case r.Spec.ObjectLock == nil:
		return nil
	case p.locked != nil:
		return p.locked
	case was != nil:
		return was.DeepCopy()
	}
	c := conditions.Is(api.ConditionImmutable, metav1.ConditionUnknown, api.ReasonRepositoryProbing, "whether the bucket refuses deletions was not probed yet")
	return &c
}

// onlyHelped are the reasons for which a repository stays as it is until somebody changes something.
var onlyHelped = map[string]bool{
	api.ReasonInvalidSpec: true, api.ReasonIdentityNotAllowed: true, api.ReasonInsecureNotAllowed: true, api.ReasonRepositoryIDMismatch: true,
	api.ReasonRepositoryExists: true, api.ReasonRepositoryMissing: true, api.ReasonPasswordWrong: true, api.ReasonCredentialsRefused: true,
	api.ReasonSecretMissing: true, api.ReasonMutable: true,
}

// help says that a first probe is under way, or that nothing more happens without help.
func help(ready metav1.Condition) []metav1.Condition {
	switch {
	case ready.Status == metav1.ConditionUnknown:
		return []metav1.Condition{conditions.Reconciling(ready.Reason, ready.Message)}
	case ready.Status == metav1.ConditionFalse && onlyHelped[ready.Reason]:
		return []metav1.Condition{conditions.Stalled(ready.Reason, ready.Message)}
	}
	return nil
}

// news is what there is to tell of a condition; nil when it says what it said before, or something is only being found out.
// Of Reachable and Ready one is enough.
func news(was *metav1.Condition, is metav1.Condition) *Note {
	switch {
	case was != nil && was.Status == is.Status && was.Reason == is.Reason, is.Status == metav1.ConditionUnknown:
		return nil
	case is.Type == api.ConditionReady, is.Type == api.ConditionVerified, is.Type == api.ConditionImmutable:
		return &Note{Warning: is.Status != metav1.ConditionTrue, Reason: is.Reason, Message: is.Message}
	}
	return nil
}

// RepositoryLocation is where a repository is, on one line. It holds no credentials, because the spec holds none.
func RepositoryLocation(s api.RepositorySpec) string {
	switch {
	case s.S3 != nil:
		return "s3://" + s.S3.Endpoint + "/" + path(s.S3.Bucket, s.S3.Prefix)
	case s.GCS != nil:
		return "gs://" + path(s.GCS.Bucket, s.GCS.Prefix)
	case s.Azure != nil:
		return "azure://" + s.Azure.Account + "." + cmp.Or(s.Azure.Domain, "blob.core.windows.net") + "/" + path(s.Azure.Container, s.Azure.Prefix)
	case s.SFTP != nil:
		return fmt.Sprintf("sftp://%s:%d/%s", s.SFTP.Host, cmp.Or(s.SFTP.Port, 22), strings.TrimPrefix(s.SFTP.Path, "/"))
	case s.WebDAV != nil:
		return s.WebDAV.URL
	case s.Filesystem != nil:
		return "claim://" + s.Filesystem.Claim + "/" + cmp.Or(s.Filesystem.Path, "lifeboat")
	}
	return ""
}

// path joins a bucket and a prefix, which ends with a slash.
func path(bucket, prefix string) string {
	return strings.TrimSuffix(bucket+"/"+prefix, "/")
}
