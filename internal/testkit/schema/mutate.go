// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
)

// Mutation is one change to one field of a spec.
type Mutation struct {
	Path   string // spec.copies[0].name
	What   string // what was made of it, in words that tell it from others of the same path
	Object map[string]any
}

func (m Mutation) String() string { return m.Path + ": " + m.What }

// Field is the name of what was changed: the last one of the path.
func (m Mutation) Field() string {
	path := indexes.ReplaceAllString(m.Path, "")
	return path[strings.LastIndex(path, ".")+1:]
}

// Named says whether a sentence speaks of the field that was changed, of what it is a part of, such as spec.volumes, or of what
// stands in it now.
func (m Mutation) Named(sentence string) bool {
	path := indexes.ReplaceAllString(m.Path, "")
	for part := path; strings.Contains(part, "."); part = part[:strings.LastIndex(part, ".")] {
		if word(part).MatchString(indexes.ReplaceAllString(sentence, "")) {
			return true
		}
	}
	if word(m.Field()).MatchString(sentence) {
		return true
	}
	said, err := strconv.Unquote(m.What)
	return err == nil && len(said) > 2 && strings.Contains(sentence, said)
}

func word(s string) *regexp.Regexp { return regexp.MustCompile(`\b` + regexp.QuoteMeta(s) + `\b`) }

var indexes = regexp.MustCompile(`\[[0-9]+\]`)

// Nowhere is a name that nothing bears. Wherever it is admitted as a reference, the reference is wrong.
const Nowhere = "no-such-thing"

// Mutations are all changes of one field of the spec of an object, for each field that the definition knows at a place which
// the object has. The object must be valid.
func (d *Definition) Mutations(object map[string]any) []Mutation {
	m := mutator{object: object}
	spec := d.Shape.Properties["spec"]
	m.fields(&spec, []any{"spec"}, object["spec"])
	return m.out
}

type mutator struct {
	object map[string]any
	out    []Mutation
}

// absent stands for a field that is taken away.
var absent = struct{}{}

func (m *mutator) put(at []any, what string, value any) {
	next := runtime.DeepCopyJSON(m.object)
	set(next, at, value)
	if value != absent && what == "" {
		raw, _ := json.Marshal(value)
		what = string(raw)
		if len(what) > 90 {
			what = fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(what[:60], ""), len(what))
		}
	}
	m.out = append(m.out, Mutation{pathOf(at), what, next})
}

// set writes a value at a place, whose parent is there.
func set(object any, at []any, value any) {
	switch step := at[0].(type) {
	case string:
		o := object.(map[string]any)
		switch {
		case len(at) > 1:
			set(o[step], at[1:], value)
		case value == absent:
			delete(o, step)
		default:
			o[step] = value
		}
	case int:
		list := object.([]any)
		if len(at) > 1 {
			set(list[step], at[1:], value)
			return
		}
		list[step] = value
	}
}

func pathOf(at []any) string {
	var b strings.Builder
	for _, step := range at {
		switch step := step.(type) {
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		}
	}
	return b.String()
}

// fields mutates every field of an object, and goes into those that are there.
func (m *mutator) fields(shape *structural.Structural, at []any, value any) {
	have, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(shape.Properties)) {
		field := shape.Properties[name]
		m.field(&field, append(slices.Clone(at), name), have[name])
	}
	m.put(append(slices.Clone(at), "noSuchField"), "", "x")
}

func (m *mutator) field(shape *structural.Structural, at []any, value any) {
	if value != nil {
		if _, inList := at[len(at)-1].(int); !inList {
			m.put(at, "absent", absent)
		}
	}
	m.put(at, "null", nil)
	switch shape.Type {
	case "string":
		for _, s := range stringsFor(shape, at, value) {
			if s != value {
				m.put(at, "", s)
			}
		}
		m.put(at, "", int64(1))
	case "integer":
		for _, n := range numbersFor(shape) {
			if n != value {
				m.put(at, "", n)
			}
		}
		m.put(at, "", "1")
		m.put(at, "", 1.5)
	case "boolean":
		m.put(at, "", value != true)
		m.put(at, "", "true")
	case "array":
		m.list(shape, at, value)
	case "object":
		m.put(at, "", map[string]any{})
		m.put(at, "", Nowhere)
		if shape.AdditionalProperties != nil {
			m.labels(at)
		} else if value != nil {
			m.fields(shape, at, value)
		}
	default: // either a number or a text
		for _, v := range []any{int64(0), int64(-1), "1Gi", "-1Gi", "x", "1e99"} {
			m.put(at, "", v)
		}
	}
}

// list makes it empty, of one, doubled, and as long as it may be, and longer; and goes into its entries.
func (m *mutator) list(shape *structural.Structural, at []any, value any) {
	m.put(at, "", []any{})
	m.put(at, "", Nowhere)
	have, _ := value.([]any)
	if len(have) == 0 {
		if shape.Items.Type == "string" {
			for _, s := range stringsFor(shape.Items, at, nil) {
				m.put(at, "", []any{s})
			}
		}
		return
	}
	m.put(at, "the first twice", append(slices.Clone(have), runtime.DeepCopyJSONValue(have[0])))
	m.put(at, "in the other order", slices.Collect(func(yield func(any) bool) {
		for _, v := range slices.Backward(have) {
			if !yield(runtime.DeepCopyJSONValue(v)) {
				return
			}
		}
	}))
	m.put(at, "the first alone", []any{runtime.DeepCopyJSONValue(have[0])})
	if v := shape.ValueValidation; v != nil && v.MaxItems != nil {
		for _, n := range []int64{*v.MaxItems, *v.MaxItems + 1} {
			m.put(at, fmt.Sprintf("%d of them", n), many(have[0], int(n)))
		}
	}
	for i, entry := range have {
		m.field(shape.Items, append(slices.Clone(at), i), entry)
	}
}

// many are so many entries like one, told apart by their name or by what they say.
func many(like any, n int) []any {
	out := make([]any, n)
	for i := range out {
		v := runtime.DeepCopyJSONValue(like)
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"name", "claim", "key"} {
				if s, ok := v[key].(string); ok {
					v[key] = fmt.Sprintf("%s-%d", s, i)
				}
			}
			out[i] = v
		case string:
			out[i] = fmt.Sprintf("%s-%d", v, i)
		default:
			out[i] = v
		}
	}
	return out
}

// labels are maps of texts with odd keys and values.
func (m *mutator) labels(at []any) {
	long := strings.Repeat("a", 64)
	for _, l := range []map[string]any{
		{"app": Nowhere}, {"": "x"}, {"app": ""}, {"no such key": "x"}, {"app": "no such value"}, {"example.com/app": "x"}, {"a..b/x": "x"}, {"-a": "x"},
		{long: "x"}, {"app": long}, {"app": "é"}, {"app": int64(1)}, {strings.Repeat("a", 254) + "/x": "x"},
	} {
		m.put(at, "", l)
	}
	crowd := map[string]any{}
	for i := range 33 {
		crowd[fmt.Sprintf("l%d", i)] = "x"
	}
	m.put(at, "33 labels", crowd)
}

func numbersFor(shape *structural.Structural) []int64 {
	out := []int64{0, 1, 2, -1, math.MaxInt32, math.MaxInt32 + 1, math.MaxInt64, math.MinInt64}
	if v := shape.ValueValidation; v != nil {
		if v.Minimum != nil {
			out = append(out, int64(*v.Minimum), int64(*v.Minimum)-1)
		}
		if v.Maximum != nil {
			out = append(out, int64(*v.Maximum), int64(*v.Maximum)+1)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// What is said in texts of a known form.
var (
	crons = []string{"* * * * *", "*/7 * * * *", "59 23 31 12 *", "0 0 29 2 *", "0 0 30 2 *", "0 0 31 4 *", "30 2 * * *", "0 3 1 * 1", "0 3 ? * ?", "@hourly", "@yearly", "@reboot",
		"@every 1s", "60 * * * *", "0 24 * * *", "0 3 * * 7", "0 3 32 * *", "5-1 * * * *", "0 0 * * * *", "0  3 * * *", " 0 3 * * *", "TZ=UTC 0 3 * * *", "0 3 * * mon-fri", "0 3 * jan-mar sat,sun",
		"*/99 * * * *", "0,0,0,0 * * * *", "0 3 * * fri-mon", "0 3 L * *", "0/0 * * * *"}
	zones     = []string{"Europe/Berlin", "America/New_York", "Pacific/Apia", "Etc/GMT+12", "Asia/Kathmandu", "Mars/Olympus", "Local", "utc", "../etc/passwd", "+05:30", "UTC ", "Europe/Berlin/"}
	durations = []string{"0s", "1ms", "1s", "10s", "30s", "59s", "1m", "5m", "1h", "1h30m", "1.5h", "24h", "48h", "168h", "720h", "9000h", "999999h", "999999h999999h", "999999h999999h99999h",
		"-1h", "1d", "P1D", "1 h", "1h-", "5", "1us", "0.001s"}
	urls = []string{"https://" + Nowhere + ".test", "http://127.0.0.1", "https://user:secret@host", "file:///etc/passwd", "https://", "https://[::1", "//host", "javascript:alert(1)"}
)

// stringsFor are texts for a field, chosen by the rules that its definition has for it.
func stringsFor(shape *structural.Structural, at []any, value any) []any {
	out := []string{"", " ", Nowhere, "No_Such Thing!", "é\u0000\u202e", "-", ".", "a/b", "../..", strings.Repeat("a", 64), strings.Repeat("a", 254), "{{.}}", "null"}
	rules := ""
	for _, r := range shape.XValidations {
		rules += r.Rule
	}
	path := strings.ToLower(pathOf(at))
	if strings.Contains(rules, "split(' ')") {
		out = append(out, crons...)
	}
	if strings.Contains(rules, "duration(") {
		out = append(out, durations...)
	}
	if strings.HasSuffix(path, "timezone") {
		out = append(out, zones...)
	}
	if strings.HasSuffix(path, "url") || strings.HasSuffix(path, "endpoint") {
		out = append(out, urls...)
	}
	if v := shape.ValueValidation; v != nil {
		for _, e := range v.Enum {
			if s, ok := e.Object.(string); ok {
				out = append(out, s, strings.ToLower(s))
			}
		}
		if v.MaxLength != nil {
			out = append(out, strings.Repeat("a", int(*v.MaxLength)), strings.Repeat("a", int(*v.MaxLength)+1))
			if s, ok := value.(string); ok && len(s) > 0 {
				out = append(out, strings.Repeat(s, int(*v.MaxLength)/len(s)+1)[:*v.MaxLength])
			}
		}
	}
	slices.Sort(out)
	var distinct []any
	for _, s := range slices.Compact(out) {
		distinct = append(distinct, s)
	}
	return distinct
}
