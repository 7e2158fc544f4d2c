// SPDX-License-Identifier: Apache-2.0

// Package keeper keeps the key that signs evidence in the cluster. It is apart from the signing, so that what only verifies
// links no Kubernetes client.
package keeper

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/internal/evidence"
)

const (
	// KeyName is the name of the Secret that holds the key, and of the ConfigMap beside it that shows its public half.
	KeyName = "lifeboat-evidence-key"
	// PrivateKey is the key of the Secret's data.
	PrivateKey = "private.pem"
	// PublicKey is the key of the ConfigMap's data.
	PublicKey = "public.pem"

	// managedBy is the usual label that says who made an object.
	managedBy = "app.kubernetes.io/managed-by"

	// attempts is how often the ConfigMap is read and written while others change it.
	attempts = 5
)

// EnsureKey returns the key in the Secret lifeboat-evidence-key of a namespace, which it creates when there is none, and
// shows the public half in the ConfigMap of the same name. A Secret that exists is never changed: its key has signed what
// there is. Of two operators that start together one creates the Secret and both use it. live must read from the API
// server, not from a cache: a cache would list every Secret, and may not know the newest.
func EnsureKey(ctx context.Context, c client.Client, live client.Reader, namespace string) (*evidence.Key, error) {
	key, err := ensureSecret(ctx, c, live, namespace)
	if err != nil {
		return nil, fmt.Errorf("key of the evidence, in Secret %s/%s: %w", namespace, KeyName, err)
	}
	if err := publish(ctx, c, live, namespace, key); err != nil {
		return nil, fmt.Errorf("public key of the evidence, in ConfigMap %s/%s: %w", namespace, KeyName, err)
	}
	return key, nil
}

func ensureSecret(ctx context.Context, c client.Client, live client.Reader, namespace string) (*evidence.Key, error) {
	key, err := readSecret(ctx, live, namespace)
	if !apierrors.IsNotFound(err) {
		return key, err
	}
	if key, err = evidence.NewKey(); err != nil {
		return nil, err
	}
	private, err := key.PrivatePEM()
	if err != nil {
		return nil, err
	}
	err = c.Create(ctx, &corev1.Secret{
		ObjectMeta: keyMeta(namespace), Type: corev1.SecretTypeOpaque, Immutable: ptr.To(true), Data: map[string][]byte{PrivateKey: private},
	})
	if apierrors.IsAlreadyExists(err) {
		return readSecret(ctx, live, namespace)
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

func readSecret(ctx context.Context, live client.Reader, namespace string) (*evidence.Key, error) {
	var secret corev1.Secret
	if err := live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: KeyName}, &secret); err != nil {
		return nil, err
	}
	key, err := evidence.ParseKey(secret.Data[PrivateKey])
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put the key back that it held, or delete the Secret to start with a new key, with which older evidence does not verify", PrivateKey, err)
	}
	return key, nil
}

// publish creates the ConfigMap, or repairs it when it shows anything but the key.
func publish(ctx context.Context, c client.Client, live client.Reader, namespace string, key *evidence.Key) error {
	public, err := key.PublicPEM()
	if err != nil {
		return err
	}
	data := map[string]string{PublicKey: string(public)}
	for range attempts {
		var shown corev1.ConfigMap
		err = live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: KeyName}, &shown)
		switch {
		case apierrors.IsNotFound(err):
			err = c.Create(ctx, &corev1.ConfigMap{ObjectMeta: keyMeta(namespace), Data: data})
		case err != nil:
			return err
		case maps.Equal(shown.Data, data) && len(shown.BinaryData) == 0:
			return nil
		default:
			shown.Data, shown.BinaryData = data, nil
			err = c.Update(ctx, &shown)
		}
		if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return fmt.Errorf("it keeps changing while it is written: %w", err)
}

func keyMeta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: KeyName, Labels: map[string]string{managedBy: "lifeboat"}}
}
