// SPDX-License-Identifier: Apache-2.0

// Package hostile makes values that nobody expects: objects whose statuses were written by somebody else, or by another version, or
// that are half of what they were. Whoever reads the cluster may meet them.
package hostile

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// Kit says of what values are made.
type Kit struct {
	Now   time.Time // times are long before, about, and long after it, or none
	Words []string  // what texts may be: what is looked for, and what is not expected
	Types map[reflect.Type]*rapid.Generator[any]

	// Annotations are keys of those that objects may bear.
	Annotations []string
}

const (
	hour = time.Hour
	day  = 24 * hour
)

// Any makes any value of a type: pointers are nil now and then, and numbers are of any size.
func Any[T any](k Kit) *rapid.Generator[T] {
	times := rapid.Custom(func(t *rapid.T) time.Time {
		switch rapid.IntRange(0, 5).Draw(t, "time") {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(1<<40, 0)
		case 2:
			return k.Now
		}
		return k.Now.Add(time.Duration(rapid.Int64Range(-int64(40*day), int64(40*day)).Draw(t, "offset")))
	})
	durations := rapid.SampledFrom([]time.Duration{0, -hour, 1, hour, day, 1<<63 - 1, -1 << 63})
	texts := rapid.SampledFrom(k.Words)
	stamp := func(t *rapid.T, label string) metav1.Time { return metav1.NewTime(times.Draw(t, label)) }
	types := map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[time.Time]():         times.AsAny(),
		reflect.TypeFor[metav1.Time]():       rapid.Custom(func(t *rapid.T) metav1.Time { return stamp(t, "t") }).AsAny(),
		reflect.TypeFor[metav1.MicroTime]():  rapid.Custom(func(t *rapid.T) metav1.MicroTime { return metav1.NewMicroTime(times.Draw(t, "t")) }).AsAny(),
		reflect.TypeFor[time.Duration]():     durations.AsAny(),
		reflect.TypeFor[metav1.Duration]():   rapid.Custom(func(t *rapid.T) metav1.Duration { return metav1.Duration{Duration: durations.Draw(t, "d")} }).AsAny(),
		reflect.TypeFor[resource.Quantity](): rapid.Map(rapid.SampledFrom([]string{"0", "1Gi", "-1Gi", "1m", "999999999999Ei"}), resource.MustParse).AsAny(),
		reflect.TypeFor[metav1.ObjectMeta](): rapid.Custom(func(t *rapid.T) metav1.ObjectMeta {
			m := metav1.ObjectMeta{Name: texts.Draw(t, "name"), Generation: int64(rapid.IntRange(-1, 3).Draw(t, "generation")), CreationTimestamp: stamp(t, "created")}
			if rapid.IntRange(0, 3).Draw(t, "going") == 0 {
				gone := stamp(t, "gone")
				m.DeletionTimestamp = &gone
			}
			if len(k.Annotations) > 0 && rapid.Bool().Draw(t, "annotated") {
				m.Annotations = map[string]string{rapid.SampledFrom(k.Annotations).Draw(t, "key"): texts.Draw(t, "value")}
			}
			return m
		}).AsAny(),
	}
	maps.Copy(types, k.Types)
	return rapid.MakeCustom[T](rapid.MakeConfig{
		Types: types,
		Kinds: map[reflect.Kind]*rapid.Generator[any]{
			reflect.String: texts.AsAny(),
			reflect.Int32:  rapid.SampledFrom([]int32{0, 1, 2, 5, -1, 1<<31 - 1, -1 << 31}).AsAny(),
		},
	})
}

// Seeds gives a fuzz target of a property some bytes to draw from, the same each time: without any it would draw nothing.
func Seeds(f *testing.F, n int) {
	f.Helper()
	for i := range n {
		random := rand.NewChaCha8([32]byte{byte(i)})
		seed := make([]byte, 32<<10)
		_, _ = random.Read(seed) // which cannot fail
		f.Add(seed)
	}
}
