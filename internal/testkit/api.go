// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// state is every object at one version. It is never changed in place, so that the past can be kept and a world be copied.
type state map[schema.GroupVersionKind]map[client.ObjectKey]client.Object

// API is an API server in memory.
type API struct {
	// Admit may refuse a creation, as a quota or an admission policy does.
	Admit func(client.Object) error

	scheme  *runtime.Scheme
	clock   clock.PassiveClock
	indexes map[indexKey]client.IndexerFunc

	mu      sync.Mutex
	now     state
	past    []state // the newest last; now is not among them
	version int64
	moved   int64 // version of the newest write of what is not the operator's own
	births  map[string]int
	owned   map[string][]string // fields of a status, by kind, name and the manager that applied them
	news    []Change
}

type indexKey struct {
	kind  schema.GroupVersionKind
	field string
}

// Change is an object that was written or removed.
type Change struct {
	Kind string
	Then client.Object // before; nil when it was created
	Now  client.Object // after; nil when it was removed
}

// mostPast is how many writes a stale reader may lag behind.
const mostPast = 64

// NewAPI is an empty API server.
func NewAPI(scheme *runtime.Scheme, now clock.PassiveClock) *API {
	return &API{scheme: scheme, clock: now, indexes: map[indexKey]client.IndexerFunc{}, now: state{},
		births: map[string]int{}, owned: map[string][]string{}}
}

// Copy is an API server with the same objects, which goes its own way from here. It tells the time by another clock.
func (a *API) Copy(now clock.PassiveClock) *API {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &API{Admit: a.Admit, scheme: a.scheme, clock: now, indexes: a.indexes, now: maps.Clone(a.now), version: a.version, moved: a.moved,
		births: maps.Clone(a.births), owned: maps.Clone(a.owned)}
}

// IndexField makes a field one that lists can be asked by.
func (a *API) IndexField(_ context.Context, obj client.Object, field string, value client.IndexerFunc) error {
	kind, err := apiutil.GVKForObject(obj, a.scheme)
	a.indexes[indexKey{kind, field}] = value
	return err
}

// News are the changes since it was last asked.
func (a *API) News() []Change {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.news
	a.news = nil
	return out
}

// Version is that of the newest write.
func (a *API) Version() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.version
}

// Moved is the version of the newest write that the rest of a cluster may have to do with: what the operator writes of its own is
// none of its business.
func (a *API) Moved() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.moved
}

func resourceOf(kind schema.GroupVersionKind) schema.GroupResource {
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return plural.GroupResource()
}

func (a *API) find(kind schema.GroupVersionKind, key client.ObjectKey) (client.Object, error) {
	if o := a.now[kind][key]; o != nil {
		return o, nil
	}
	return nil, apierrors.NewNotFound(resourceOf(kind), key.Name)
}

// put writes an object, or removes it when it is nil.
func (a *API) put(kind schema.GroupVersionKind, key client.ObjectKey, obj client.Object) {
	if a.past = append(a.past, a.now); len(a.past) > mostPast {
		a.past = slices.Delete(a.past, 0, len(a.past)-mostPast)
	}
	a.version++
	if kind.Group != api.GroupVersion.Group && kind.Kind != "ConfigMap" && kind.Kind != "Secret" {
		a.moved = a.version
	}
	before := a.now[kind][key]
	objects := make(map[client.ObjectKey]client.Object, len(a.now[kind])+1)
	maps.Copy(objects, a.now[kind])
	if obj == nil {
		delete(objects, key)
	} else {
		obj.SetResourceVersion(strconv.FormatInt(a.version, 10))
		objects[key] = obj
	}
	a.now = maps.Clone(a.now)
	a.now[kind] = objects
	a.news = append(a.news, Change{Kind: kind.Kind, Then: before, Now: obj})
}

// get reads an object from a state.
func (a *API) get(from state, key client.ObjectKey, into client.Object) error {
	kind, err := apiutil.GVKForObject(into, a.scheme)
	if err != nil {
		return err
	}
	obj := from[kind][key]
	if obj == nil {
		return apierrors.NewNotFound(resourceOf(kind), key.Name)
	}
	if partial, ok := into.(*metav1.PartialObjectMetadata); ok {
		fillMeta(partial, obj)
		return nil
	}
	fill(into, obj)
	return nil
}

func fillMeta(into *metav1.PartialObjectMetadata, obj client.Object) {
	into.ObjectMeta = metav1.ObjectMeta{
		Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion(),
		DeletionTimestamp: obj.GetDeletionTimestamp(), Labels: maps.Clone(obj.GetLabels()), Annotations: maps.Clone(obj.GetAnnotations()),
		Finalizers: slices.Clone(obj.GetFinalizers()),
	}
}

func fill(into, obj client.Object) {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(obj.DeepCopyObject()).Elem())
}

// list reads the objects of a state that options ask for, sorted by name.
func (a *API) list(from state, into client.ObjectList, opts []client.ListOption) error {
	kind, err := apiutil.GVKForObject(into, a.scheme)
	if err != nil {
		return err
	}
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	var o client.ListOptions
	o.ApplyOptions(opts)
	found := map[client.ObjectKey]client.Object{}
	for key, obj := range from[kind] {
		if o.Namespace != "" && key.Namespace != o.Namespace {
			continue
		}
		if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(obj.GetLabels())) {
			continue
		}
		ok, err := a.hasFields(kind, obj, o)
		if err != nil {
			return err
		}
		if ok {
			found[key] = obj
		}
	}
	copied := func(obj client.Object) runtime.Object { return obj.DeepCopyObject() }
	if ptr.Deref(o.UnsafeDisableDeepCopy, false) {
		copied = func(obj client.Object) runtime.Object { return obj }
	}
	out := make([]runtime.Object, 0, len(found))
	for _, key := range sorted(found) {
		out = append(out, copied(found[key]))
	}
	if u, ok := into.(*unstructured.UnstructuredList); ok {
		u.Items = nil
		for _, obj := range out {
			u.Items = append(u.Items, *obj.(*unstructured.Unstructured))
		}
		return nil
	}
	if p, ok := into.(*metav1.PartialObjectMetadataList); ok {
		p.Items = make([]metav1.PartialObjectMetadata, len(out))
		for i := range out {
			fillMeta(&p.Items[i], out[i].(client.Object))
		}
		return nil
	}
	return meta.SetList(into, out)
}

func sorted(objects map[client.ObjectKey]client.Object) []client.ObjectKey {
	return slices.SortedFunc(maps.Keys(objects), func(x, y client.ObjectKey) int {
		return cmp.Or(strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Name, y.Name))
	})
}

func (a *API) hasFields(kind schema.GroupVersionKind, obj client.Object, o client.ListOptions) (bool, error) {
	if o.FieldSelector == nil {
		return true, nil
	}
	for _, r := range o.FieldSelector.Requirements() {
		value, ok := a.indexes[indexKey{kind, r.Field}]
		if !ok {
			return false, fmt.Errorf("no index on field %s of %s", r.Field, kind.Kind)
		}
		if !slices.Contains(value(obj), r.Value) {
			return false, nil
		}
	}
	return true, nil
}

// typed makes an object of a kind from JSON.
func (a *API) typed(kind schema.GroupVersionKind, raw []byte) (client.Object, error) {
	if !a.scheme.Recognizes(kind) {
		u := &unstructured.Unstructured{}
		return u, u.UnmarshalJSON(raw)
	}
	obj, err := a.scheme.New(kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, obj); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	out := obj.(client.Object)
	out.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return out, nil
}

func (a *API) create(obj client.Object) error {
	kind, err := apiutil.GVKForObject(obj, a.scheme)
	if err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(obj)
	if err := a.namespaceTakes(kind, key); err != nil {
		return err
	}
	if a.now[kind][key] != nil {
		return apierrors.NewAlreadyExists(resourceOf(kind), key.Name)
	}
	if a.Admit != nil {
		if err := a.Admit(obj); err != nil {
			return err
		}
	}
	body, err := asMap(obj)
	if err != nil {
		return err
	}
	if hasStatus(kind.Kind) {
		delete(body, "status")
	}
	made, err := a.fromMap(kind, body)
	if err != nil {
		return err
	}
	made.SetUID(a.uid(kind, key))
	made.SetGeneration(1)
	made.SetCreationTimestamp(metav1.NewTime(a.clock.Now().UTC().Truncate(second)))
	made.SetDeletionTimestamp(nil)
	a.put(kind, key, made)
	fill(obj, made)
	return nil
}

// namespaceTakes refuses new objects in a namespace that is not there, or is being deleted.
func (a *API) namespaceTakes(kind schema.GroupVersionKind, key client.ObjectKey) error {
	if key.Namespace == "" {
		return nil
	}
	ns := a.now[namespaceKind][client.ObjectKey{Name: key.Namespace}]
	if ns == nil {
		return apierrors.NewNotFound(resourceOf(namespaceKind), key.Namespace)
	}
	if !ns.GetDeletionTimestamp().IsZero() {
		err := apierrors.NewForbidden(resourceOf(kind), key.Name, fmt.Errorf("namespace %s is being terminated", key.Namespace))
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: "NamespaceTerminating"})
		return err
	}
	return nil
}

// uid depends on nothing but what was created before under that name, so that runs can be compared.
func (a *API) uid(kind schema.GroupVersionKind, key client.ObjectKey) types.UID {
	id := kind.Kind + "/" + key.String()
	a.births[id]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s#%d", id, a.births[id]))
	h := hex.EncodeToString(sum[:16])
	return types.UID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}

func (a *API) remove(kind schema.GroupVersionKind, key client.ObjectKey, o *client.DeleteOptions) error {
	obj, err := a.find(kind, key)
	if err != nil {
		return err
	}
	if p := o.Preconditions; p != nil {
		if p.UID != nil && *p.UID != obj.GetUID() {
			return apierrors.NewConflict(resourceOf(kind), key.Name, fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s)", *p.UID, obj.GetUID()))
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion() {
			return apierrors.NewConflict(resourceOf(kind), key.Name, fmt.Errorf("the ResourceVersion in the precondition does not match that in record"))
		}
	}
	switch {
	case len(obj.GetFinalizers()) == 0:
		a.put(kind, key, nil)
	case obj.GetDeletionTimestamp().IsZero():
		next := obj.DeepCopyObject().(client.Object)
		now := metav1.NewTime(a.clock.Now().UTC().Truncate(second))
		next.SetDeletionTimestamp(&now)
		next.SetGeneration(obj.GetGeneration() + 1)
		a.put(kind, key, next)
	}
	return nil
}

// change writes what an edit makes of an object, as the update of an API server does: with its locks, generation and finalizers.
func (a *API) change(kind schema.GroupVersionKind, key client.ObjectKey, statusOnly bool, edit func(map[string]any)) (client.Object, error) {
	obj, err := a.find(kind, key)
	if err != nil {
		return nil, err
	}
	before, err := asMap(obj)
	if err != nil {
		return nil, err
	}
	after := runtime.DeepCopyJSON(before)
	edit(after)
	if err := locked(kind, obj, after); err != nil {
		return nil, err
	}
	restrict(kind, before, after, statusOnly)
	if reflect.DeepEqual(before, after) {
		return obj, nil // what changes nothing is not written
	}
	next, err := a.fromMap(kind, after)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(before["spec"], after["spec"]) {
		next.SetGeneration(obj.GetGeneration() + 1)
	}
	if !obj.GetDeletionTimestamp().IsZero() {
		for _, f := range next.GetFinalizers() {
			if !slices.Contains(obj.GetFinalizers(), f) {
				return nil, apierrors.NewForbidden(resourceOf(kind), key.Name, fmt.Errorf("no new finalizers can be added if the object is being deleted"))
			}
		}
		if len(next.GetFinalizers()) == 0 {
			a.put(kind, key, nil)
			return next, nil
		}
	}
	a.put(kind, key, next)
	return next, nil
}

// locked enforces the UID and the version that a change names.
func locked(kind schema.GroupVersionKind, obj client.Object, after map[string]any) error {
	m := after["metadata"].(map[string]any)
	if uid, _ := m["uid"].(string); uid != string(obj.GetUID()) {
		return apierrors.NewConflict(resourceOf(kind), obj.GetName(), fmt.Errorf("precondition failed: UID in precondition: %s, UID in object meta: %s", uid, obj.GetUID()))
	}
	if version, _ := m["resourceVersion"].(string); version != obj.GetResourceVersion() {
		return apierrors.NewConflict(resourceOf(kind), obj.GetName(), fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	return nil
}

// restrict undoes what an endpoint ignores: the status beside the object, all but the status within it.
func restrict(kind schema.GroupVersionKind, before, after map[string]any, statusOnly bool) {
	if statusOnly {
		for k := range after {
			if k != "status" {
				after[k] = before[k]
			}
		}
		return
	}
	if hasStatus(kind.Kind) {
		delete(after, "status")
		if s, ok := before["status"]; ok {
			after["status"] = s
		}
	}
	m, was := after["metadata"].(map[string]any), before["metadata"].(map[string]any)
	for _, k := range []string{"generation", "creationTimestamp", "deletionTimestamp"} {
		delete(m, k)
		if v, ok := was[k]; ok {
			m[k] = v
		}
	}
}

func hasStatus(kind string) bool {
	return slices.Contains([]string{"BackupPolicy", "RecoveryPoint", "VolumeSnapshot", "VolumeSnapshotContent", "PersistentVolumeClaim",
		"PersistentVolume", "VolumeGroupSnapshot", "VolumeGroupSnapshotContent", "Restore", "RestoreDrill", "ClusterBackupPolicy", "Pod", "Repository"}, kind)
}

// asMap is an object as it is on the wire. An unstructured one goes the long way: whoever made it may have put in what no wire brings.
func asMap(obj client.Object) (map[string]any, error) {
	if _, is := obj.(runtime.Unstructured); !is {
		return runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	}
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	return decoded(raw)
}

// decoded reads JSON, with whole numbers where they are.
func decoded(raw []byte) (map[string]any, error) {
	out := map[string]any{}
	return out, utiljson.Unmarshal(raw, &out)
}

// fromMap makes an object of a kind of what came over the wire. It is how every write gets in, so that times lose their fractions.
func (a *API) fromMap(kind schema.GroupVersionKind, body map[string]any) (client.Object, error) {
	if !a.scheme.Recognizes(kind) {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		return a.typed(kind, raw)
	}
	obj, err := a.scheme.New(kind)
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(body, obj); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	out := obj.(client.Object)
	out.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return out, nil
}

// merge is a JSON merge patch (RFC 7386).
func merge(into, patch map[string]any) {
	for k, v := range patch {
		inner, isMap := v.(map[string]any)
		switch {
		case v == nil:
			delete(into, k)
		case isMap:
			below, ok := into[k].(map[string]any)
			if !ok {
				below = map[string]any{}
				into[k] = below
			}
			merge(below, inner)
		default:
			into[k] = v
		}
	}
}

// entryKeys are the lists of statuses whose entries are owned one by one, and by what they are told apart.
var entryKeys = map[string]string{"told": "notifier"}

// applyStatus is a server-side apply of a status: a manager owns the top-level fields it applied, or their entries, and what it no
// longer applies goes.
func (a *API) applyStatus(kind schema.GroupVersionKind, body map[string]any, manager string) error {
	m := body["metadata"].(map[string]any)
	name, _ := m["name"].(string)
	namespace, _ := m["namespace"].(string)
	uid, hasUID := m["uid"].(string)
	status, _ := body["status"].(map[string]any)
	key := client.ObjectKey{Namespace: namespace, Name: name}
	id := kind.Kind + "/" + key.String() + "/" + manager
	_, err := a.change(kind, key, true, func(after map[string]any) {
		if hasUID {
			after["metadata"].(map[string]any)["uid"] = uid
		}
		was, ok := after["status"].(map[string]any)
		if !ok {
			was = map[string]any{}
		}
		for _, f := range a.owned[id] {
			field, entry, isEntry := strings.Cut(f, "/")
			if !isEntry {
				delete(was, f)
				continue
			}
			list, _ := was[field].([]any)
			was[field] = slices.DeleteFunc(list, func(e any) bool { return e.(map[string]any)[entryKeys[field]] == entry })
		}
		for field, value := range status {
			if entryKeys[field] != "" {
				list, _ := was[field].([]any)
				value = append(list, value.([]any)...)
			}
			was[field] = value
		}
		after["status"] = was
	})
	if err == nil {
		a.owned[id] = ownedFields(status)
	}
	return err
}

func ownedFields(status map[string]any) []string {
	var out []string
	for field, value := range status {
		if entryKeys[field] == "" {
			out = append(out, field)
			continue
		}
		for _, e := range value.([]any) {
			out = append(out, fmt.Sprintf("%s/%v", field, e.(map[string]any)[entryKeys[field]]))
		}
	}
	return out
}

// UIDOf is a UID made of a name, for objects that no API server has seen.
func UIDOf(name string) types.UID {
	sum := sha256.Sum256([]byte(name))
	return types.UID(hex.EncodeToString(sum[:8]))
}

// Seed puts objects in as they are, status and all. UIDs are given where there are none.
func (a *API) Seed(objects ...client.Object) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, o := range objects {
		kind, err := apiutil.GVKForObject(o, a.scheme)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(o)
		if err != nil {
			return err
		}
		made, err := a.typed(kind, raw)
		if err != nil {
			return err
		}
		key := client.ObjectKeyFromObject(made)
		if made.GetUID() == "" {
			made.SetUID(a.uid(kind, key))
		}
		made.SetGeneration(max(1, made.GetGeneration()))
		if t := made.GetCreationTimestamp(); t.IsZero() {
			made.SetCreationTimestamp(metav1.NewTime(a.clock.Now().UTC().Truncate(second)))
		}
		a.put(kind, key, made)
	}
	return nil
}
