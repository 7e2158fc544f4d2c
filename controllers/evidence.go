// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	signing "github.com/lifeboat-dev/lifeboat/internal/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/evidence/keeper"
)

// EvidenceRecorder records what drills showed, each in a statement that is signed and names the one before it.
type EvidenceRecorder struct {
	Read      *Reader
	Write     *apply.Writer
	Namespace string // where the key is kept
	Version   string

	mu  sync.Mutex
	key *signing.Key
}

// find is the recorded statement of a drill; nil when there is none.
func (e *EvidenceRecorder) find(ctx context.Context, d *api.RestoreDrill) (*api.EvidenceReference, error) {
	var c corev1.ConfigMap
	err := e.Read.Live.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: names.Evidence(d.Status.Run.Policy, string(d.UID))}, &c)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get evidence: %w", err)
	}
	digest, err := e.digest(ctx, &c)
	if err != nil {
		return nil, err
	}
	return &api.EvidenceReference{ConfigMap: c.Name, Digest: digest}, nil
}

// envelope is the recorded statement of a drill with its signature; empty when it is not there.
func (e *EvidenceRecorder) envelope(ctx context.Context, d *api.RestoreDrill) (string, error) {
	var c corev1.ConfigMap
	err := e.Read.Live.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Status.Evidence.ConfigMap}, &c)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("get evidence: %w", err)
	}
	return c.Data[evidence.EnvelopeKey], nil
}

// record states, signs and keeps what a drill showed, and forgets statements beyond the history. It is done for one drill
// of a policy at a time: the next one of the policy starts only once this one's evidence is recorded.
func (e *EvidenceRecorder) record(ctx context.Context, d *api.RestoreDrill) (*api.EvidenceReference, error) {
	run := d.Status.Run
	chain, err := e.chain(ctx, d.Namespace, run.PolicyUID)
	if err != nil {
		return nil, err
	}
	previous, sequence, err := e.previous(ctx, d.Namespace, chain)
	if err != nil {
		return nil, err
	}
	statement, err := e.statement(ctx, d, previous)
	if err != nil {
		return nil, err
	}
	key, err := e.signer(ctx)
	if err != nil {
		return nil, err
	}
	envelope, err := signing.Sign(key, statement)
	if err != nil {
		return nil, err
	}
	c := objects.Evidence(d, sequence+1, evidence.Digest(statement), envelope)
	if err := e.Write.Client.Create(ctx, c, apply.FieldOwner); err != nil {
		return nil, fmt.Errorf("keep evidence: %w", err)
	}
	ref := &api.EvidenceReference{ConfigMap: c.Name, Digest: evidence.Digest(statement)}
	return ref, e.forget(ctx, d.Namespace, chain)
}

func (e *EvidenceRecorder) statement(ctx context.Context, d *api.RestoreDrill, previous string) ([]byte, error) {
	point, err := e.point(ctx, d)
	if err != nil {
		return nil, err
	}
	sources, err := e.sources(ctx, d, point)
	if err != nil {
		return nil, err
	}
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := e.Read.Cache.Get(ctx, client.ObjectKey{Name: d.Namespace}, ns); err != nil {
		return nil, fmt.Errorf("get namespace: %w", err)
	}
	return evidence.Statement(plan.Attested(d, sources, point, string(ns.UID), previous, e.Version))
}

// sources are the volumes of what was rehearsed. For a copy no snapshot is looked at.
func (e *EvidenceRecorder) sources(ctx context.Context, d *api.RestoreDrill, point *api.RecoveryPoint) ([]plan.Source, error) {
	switch {
	case point == nil:
		return nil, nil
	case d.Status.Run.From == api.FromCopy:
		return plan.CopySources(point, d.Status.Run.Copy, plan.Vaults{}), nil
	}
	return e.Read.sources(ctx, point)
}

func (e *EvidenceRecorder) point(ctx context.Context, d *api.RestoreDrill) (*api.RecoveryPoint, error) {
	want := d.Status.Run.RecoveryPoint
	if want.UID == "" {
		return nil, nil
	}
	var p api.RecoveryPoint
	err := e.Read.Cache.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: want.Name}, &p)
	if apierrors.IsNotFound(err) || (err == nil && string(p.UID) != want.UID) {
		return nil, nil
	}
	return &p, err
}

// chain are the statements of a policy that are kept, read live.
func (e *EvidenceRecorder) chain(ctx context.Context, namespace, policyUID string) ([]plan.Statement, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	if err := e.Read.Live.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{api.LabelEvidence: policyUID}); err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	out := make([]plan.Statement, len(list.Items))
	for i, m := range list.Items {
		sequence, _ := strconv.Atoi(m.Annotations[api.AnnotationEvidenceSequence])
		out[i] = plan.Statement{
			Target: plan.Target{Name: m.Name, UID: string(m.UID)}, Sequence: sequence,
			Passed: m.Annotations[api.AnnotationEvidenceVerdict] == string(api.VerdictPassed),
		}
	}
	return out, nil
}

// previous is the digest of the newest statement, and its place in the chain.
func (e *EvidenceRecorder) previous(ctx context.Context, namespace string, chain []plan.Statement) (string, int, error) {
	newest := plan.Statement{}
	for _, s := range chain {
		if s.Sequence > newest.Sequence {
			newest = s
		}
	}
	if newest.Name == "" {
		return "", 0, nil
	}
	var c corev1.ConfigMap
	if err := e.Read.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: newest.Name}, &c); err != nil {
		return "", 0, fmt.Errorf("get evidence %s: %w", newest.Name, err)
	}
	digest, err := e.digest(ctx, &c)
	return digest, newest.Sequence, err
}

// digest is that of a kept statement. One that somebody changed is not followed in silence: the digest that was recorded
// stays in the chain, where a verification finds the gap.
func (e *EvidenceRecorder) digest(ctx context.Context, c *corev1.ConfigMap) (string, error) {
	key, err := e.signer(ctx)
	if err != nil {
		return "", err
	}
	payload, _, err := signing.Open([]ed25519.PublicKey{key.Public()}, []byte(c.Data[evidence.EnvelopeKey]))
	if err != nil {
		if d := c.Annotations[api.AnnotationEvidenceDigest]; d != "" {
			return d, nil
		}
		return "", fmt.Errorf("evidence %s/%s: %w", c.Namespace, c.Name, err)
	}
	return evidence.Digest(payload), nil
}

func (e *EvidenceRecorder) forget(ctx context.Context, namespace string, chain []plan.Statement) error {
	for _, t := range plan.ForgetStatements(chain) {
		if err := e.Write.ForgetEvidence(ctx, namespace, t); err != nil {
			return err
		}
	}
	return nil
}

// signer is the key, made when there is none.
func (e *EvidenceRecorder) signer(ctx context.Context) (*signing.Key, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.key != nil {
		return e.key, nil
	}
	key, err := keeper.EnsureKey(ctx, e.Write.Client, e.Read.Live, e.Namespace)
	if err == nil {
		e.key = key
	}
	return key, err
}
