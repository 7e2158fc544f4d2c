// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

const second = time.Second

var namespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")

// Verb is what a call does.
type Verb string

// The verbs of the API.
const (
	Get    Verb = "get"
	List   Verb = "list"
	Create Verb = "create"
	Delete Verb = "delete"
	Patch  Verb = "patch"
	Status Verb = "patch status"
)

// Writes says whether a call changes anything.
func (v Verb) Writes() bool { return v != Get && v != List }

// Call is one request to the API server.
type Call struct {
	Verb    Verb
	Kind    string
	Key     client.ObjectKey
	UID     types.UID // the UID that the request names as a precondition
	Version string    // the version that it names
	Body    map[string]any
}

func (c Call) String() string { return fmt.Sprintf("%s %s %s", c.Verb, c.Kind, c.Key.Name) }

// Around stands around each call: it may refuse it, let it through by calling do, or spoil its answer afterwards.
type Around func(c Call, do func() error) error

// Client is one user's way to the API server. It satisfies client.Client for what the operator uses.
type Client struct {
	api    *API
	around Around
	past   func() state // what it reads; nil for what is there now
}

var _ client.Client = &Client{}

// Client gives access; around may be nil.
func (a *API) Client(around Around) *Client {
	if around == nil {
		around = func(_ Call, do func() error) error { return do() }
	}
	return &Client{api: a, around: around}
}

// Lagging reads as a cache does that is behind by so many writes. What it writes is written now.
func (c *Client) Lagging(writes func() int) *Client {
	return &Client{api: c.api, around: c.around, past: func() state {
		n := min(writes(), len(c.api.past))
		if n <= 0 {
			return c.api.now
		}
		return c.api.past[len(c.api.past)-n]
	}}
}

func (c *Client) view() state {
	if c.past == nil {
		return c.api.now
	}
	return c.past()
}

func (c *Client) call(call Call, do func() error) error {
	return c.around(call, func() error {
		c.api.mu.Lock()
		defer c.api.mu.Unlock()
		return do()
	})
}

func (c *Client) kind(obj runtime.Object) string {
	kind, err := apiutil.GVKForObject(obj, c.api.scheme)
	if err != nil {
		return "unknown"
	}
	return kind.Kind
}

// Get reads one object.
func (c *Client) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	return c.call(Call{Verb: Get, Kind: c.kind(obj), Key: key}, func() error { return c.api.get(c.view(), key, obj) })
}

// List reads several.
func (c *Client) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.call(Call{Verb: List, Kind: c.kind(list)}, func() error { return c.api.list(c.view(), list, opts) })
}

// Create creates an object.
func (c *Client) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	return c.call(Call{Verb: Create, Kind: c.kind(obj), Key: client.ObjectKeyFromObject(obj)}, func() error { return c.api.create(obj) })
}

// Delete deletes an object, or marks it when it has finalizers.
func (c *Client) Delete(_ context.Context, obj client.Object, opts ...client.DeleteOption) error {
	kind, err := apiutil.GVKForObject(obj, c.api.scheme)
	if err != nil {
		return err
	}
	var o client.DeleteOptions
	o.ApplyOptions(opts)
	call := Call{Verb: Delete, Kind: kind.Kind, Key: client.ObjectKeyFromObject(obj)}
	if p := o.Preconditions; p != nil && p.UID != nil {
		call.UID = *p.UID
	}
	if p := o.Preconditions; p != nil && p.ResourceVersion != nil {
		call.Version = *p.ResourceVersion
	}
	return c.call(call, func() error { return c.api.remove(kind, call.Key, &o) })
}

// Patch changes an object by a merge patch.
func (c *Client) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.patch(Patch, obj, patch)
}

func (c *Client) patch(verb Verb, obj client.Object, patch client.Patch) error {
	kind, err := apiutil.GVKForObject(obj, c.api.scheme)
	if err != nil {
		return err
	}
	if patch.Type() != types.MergePatchType {
		return fmt.Errorf("patch type %s is not offered here", patch.Type())
	}
	raw, err := patch.Data(obj)
	if err != nil {
		return err
	}
	body, err := decoded(raw)
	if err != nil {
		return err
	}
	call := Call{Verb: verb, Kind: kind.Kind, Key: client.ObjectKeyFromObject(obj), Body: body}
	if m, ok := body["metadata"].(map[string]any); ok {
		uid, _ := m["uid"].(string)
		call.UID = types.UID(uid)
		call.Version, _ = m["resourceVersion"].(string)
	}
	return c.call(call, func() error {
		next, err := c.api.change(kind, call.Key, verb == Status, func(after map[string]any) { merge(after, body) })
		if err == nil {
			fill(obj, next)
		}
		return err
	})
}

// Status writes statuses.
func (c *Client) Status() client.SubResourceWriter { return statusClient{c} }

type statusClient struct{ *Client }

func (s statusClient) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	return s.patch(Status, obj, patch)
}

// Apply is the server-side apply of a status.
func (s statusClient) Apply(_ context.Context, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
	var o client.SubResourceApplyOptions
	o.ApplyOpts(opts)
	raw, err := json.Marshal(obj)
	if err != nil {
		return err
	}
	body, err := decoded(raw)
	if err != nil {
		return err
	}
	group, _ := body["apiVersion"].(string)
	name, _ := body["kind"].(string)
	kind := schema.FromAPIVersionAndKind(group, name)
	m := body["metadata"].(map[string]any)
	key := client.ObjectKey{Namespace: fmt.Sprint(m["namespace"]), Name: fmt.Sprint(m["name"])}
	uid, _ := m["uid"].(string)
	call := Call{Verb: Status, Kind: kind.Kind, Key: key, UID: types.UID(uid), Body: body}
	return s.call(call, func() error { return s.api.applyStatus(kind, body, o.FieldManager) })
}

func (s statusClient) Update(_ context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	return s.update(Status, obj)
}

func (s statusClient) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return notOffered("creating a status")
}

// Update replaces an object.
func (c *Client) Update(_ context.Context, obj client.Object, _ ...client.UpdateOption) error {
	return c.update(Patch, obj)
}

func (c *Client) update(verb Verb, obj client.Object) error {
	kind, err := apiutil.GVKForObject(obj, c.api.scheme)
	if err != nil {
		return err
	}
	body, err := asMap(obj)
	if err != nil {
		return err
	}
	return c.call(Call{Verb: verb, Kind: kind.Kind, Key: client.ObjectKeyFromObject(obj)}, func() error {
		next, err := c.api.change(kind, client.ObjectKeyFromObject(obj), verb == Status, func(after map[string]any) {
			clear(after)
			merge(after, body)
		})
		if err == nil {
			fill(obj, next)
		}
		return err
	})
}

func notOffered(what string) error {
	return apierrors.NewMethodNotSupported(schema.GroupResource{}, what)
}

// DeleteAllOf is refused: the operator deletes what it names, and nothing else.
func (c *Client) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return notOffered("deleting a collection")
}

// Apply is refused for whole objects.
func (c *Client) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return notOffered("applying whole objects")
}

// SubResource offers the status alone.
func (c *Client) SubResource(string) client.SubResourceClient { return subResources{statusClient{c}} }

type subResources struct{ statusClient }

func (subResources) Get(context.Context, client.Object, client.Object, ...client.SubResourceGetOption) error {
	return notOffered("reading a subresource")
}

// Scheme is the scheme of the API server.
func (c *Client) Scheme() *runtime.Scheme { return c.api.scheme }

// RESTMapper is empty: nothing here needs one.
func (c *Client) RESTMapper() meta.RESTMapper { return meta.NewDefaultRESTMapper(nil) }

// GroupVersionKindFor is the kind of an object.
func (c *Client) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(obj, c.api.scheme)
}

// IsObjectNamespaced says whether an object lives in a namespace.
func (c *Client) IsObjectNamespaced(obj runtime.Object) (bool, error) {
	switch c.kind(obj) {
	case "Namespace", "StorageClass", "PersistentVolume", "VolumeSnapshotContent", "VolumeSnapshotClass":
		return false, nil
	}
	return true, nil
}
