// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"slices"
	"strings"
)

// room is a part of the house, with rules of its own.
type room struct {
	folder string // itself and all below it
	// ours are the folders of this module that it may import.
	ours []string
	// others are the packages outside of this module that it may import; nil means any. An entry that ends in a slash
	// allows everything below it.
	others []string
	// longest is how many lines a function may have; 0 means any number.
	longest int
	// readsClock says that it may ask what time it is.
	readsClock bool
	// pure says that results may depend on arguments alone.
	pure bool
}

// rooms in the order in which they are asked: the first whose folder holds a file is its room.
var rooms = []room{
	{folder: "api/applyconfiguration", ours: []string{"api"}, others: slices.Concat(pureStandard, apiTypes, generatedNeeds)},
	{folder: "api", ours: []string{}, others: slices.Concat(pureStandard, apiTypes), longest: 80},
	{folder: "internal/core/schedule", ours: []string{"api", "internal/core"}, others: slices.Concat(pureStandard, apiTypes, coreNeeds, scheduleNeeds), longest: 60, pure: true},
	{folder: "internal/core", ours: []string{"api", "internal/core"}, others: slices.Concat(pureStandard, apiTypes, coreNeeds), longest: 60, pure: true},

	// Rooms for tests; they stand above the controllers, whom they drive. No shipped code imports them.
	{folder: "internal/sim", ours: []string{"api", "internal", "controllers"}, readsClock: true},
	{folder: "internal/testkit", ours: []string{"api", "internal", "controllers"}, readsClock: true},
	{folder: "internal/archtest", ours: []string{}, others: []string{}},

	{folder: "internal/apply", ours: below, longest: 80},
	{folder: "internal/cli/recovery", ours: opens, longest: 80},
	{folder: "internal/cli", ours: below, longest: 80},
	{folder: "internal/config", ours: below, longest: 80},
	{folder: "internal/evidence", ours: slices.Concat(below, []string{"internal/evidence"}), longest: 80},
	{folder: "internal/metrics", ours: below, longest: 80},
	{folder: "internal/mover/result", ours: []string{}, others: slices.Concat(pureStandard, []string{"compress/gzip", "encoding/pem", "io"}), longest: 80},
	{folder: "internal/mover", ours: opens, longest: 80},
	{folder: "internal/notify", ours: below, longest: 80},
	{folder: "internal/report", ours: below, longest: 80},
	// It speaks to the outside, and knows of Lifeboat no more than what pods are told and what they tell.
	{folder: "internal/repository", ours: []string{"internal/core/order", "internal/mover/result"}, longest: 80},
	{folder: "controllers", ours: slices.Concat(below, []string{"controllers"}), longest: 80},

	// cmd connects; it neither decides nor shapes, so it does not see the core.
	{folder: "cmd/mover", ours: slices.Concat(beside, []string{"internal/core/order", "internal/repository"}), longest: 80, readsClock: true},
	{folder: "cmd", ours: slices.Concat(beside, []string{"api", "controllers"}), longest: 80, readsClock: true},

	// What is not shipped.
	{folder: "docs", readsClock: true, ours: outside},
	{folder: "hack", readsClock: true, ours: outside},
	{folder: "test", readsClock: true, ours: outside},
}

var (
	// beside are the rooms between the controllers and the core.
	beside = []string{"internal/apply", "internal/cli", "internal/config", "internal/evidence", "internal/metrics", "internal/mover", "internal/notify", "internal/report"}
	// below is what the controllers may use.
	below = slices.Concat(beside, []string{"api", "internal/core"})
	// opens is what may be used by those who open repositories.
	opens = slices.Concat(below, []string{"internal/repository"})
	// outside is what code that is not shipped may use: all but cmd.
	outside = []string{"api", "controllers", "internal", "docs", "hack", "test"}
	// forTests is what tests of any room may use besides what the room may.
	forTests = []string{"internal/sim", "internal/testkit", "test"}
)

// pureStandard is the part of the standard library whose results depend on arguments alone. time is among it; what of
// it reads a clock is refused by name, see forbidden.
var pureStandard = []string{
	"bytes", "cmp", "container/heap", "crypto/sha256", "encoding/base32", "encoding/base64", "encoding/binary", "encoding/hex",
	"encoding/json", "errors", "fmt", "hash/fnv", "iter", "maps", "math", "math/bits", "net/netip", "net/url", "path", "regexp",
	"slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
}

// apiTypes describe objects of a cluster; they do not talk to one.
var apiTypes = []string{
	"k8s.io/api/", "k8s.io/apimachinery/pkg/api/meta", "k8s.io/apimachinery/pkg/api/resource", "k8s.io/apimachinery/pkg/apis/meta/v1",
	"k8s.io/apimachinery/pkg/runtime", "k8s.io/apimachinery/pkg/runtime/schema", "k8s.io/apimachinery/pkg/types",
}

// coreNeeds are the libraries of the core: parsing, selecting, shaping.
var coreNeeds = []string{
	"github.com/robfig/cron/v3",
	"github.com/kubernetes-csi/external-snapshotter/client/",
	"k8s.io/apimachinery/pkg/api/equality", "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured", "k8s.io/apimachinery/pkg/labels",
	"k8s.io/apimachinery/pkg/selection", "k8s.io/apimachinery/pkg/util/intstr", "k8s.io/apimachinery/pkg/util/sets",
	"k8s.io/apimachinery/pkg/util/validation", "k8s.io/client-go/applyconfigurations/", "k8s.io/utils/ptr",
}

// scheduleNeeds is what the schedule needs besides: to remember time zones, which are costly to read and never change. A
// memory that changed an answer would have no place in the core.
var scheduleNeeds = []string{"sync"}

// generatedNeeds is what generated apply-configurations stand on.
var generatedNeeds = []string{
	"k8s.io/apimachinery/pkg/util/managedfields", "k8s.io/client-go/applyconfigurations/", "sigs.k8s.io/structured-merge-diff/", "sync",
}

// heavy are libraries that a folder, and what is below it, must not link, not even through others.
//
// The manager sees every secret of a cluster's repositories only by name; opening one is the mover's work, in a pod. What the
// manager is made of is named beside it, so that a link is seen before anything shipped follows it.
var heavy = map[string][]string{
	"cmd/manager":    opening,
	"controllers":    opening,
	"internal/apply": opening,
	"internal/core":  opening,
}

// opening is what opens repositories.
var opening = []string{"github.com/kopia/kopia", "internal/mover", "internal/repository"}

// light are folders below heavy ones that any program may link: what the programs say to each other.
var light = []string{"internal/mover/result"}

// forbidden are names that a file must not use, by import path.
type forbidden struct {
	in    func(room) bool
	names map[string][]string // "*" stands for all names
	why   string
}

var forbiddenNames = []forbidden{
	{
		in: func(r room) bool { return !r.readsClock },
		names: map[string][]string{
			"time":                                 {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
			"k8s.io/apimachinery/pkg/apis/meta/v1": {"Now", "NowMicro"},
			"k8s.io/utils/clock":                   {"RealClock"},
		},
		why: "take now as an argument, or ask the clock you were given",
	},
	{
		in: func(r room) bool { return r.pure },
		names: map[string][]string{
			"time": {"Local"},
			"fmt":  {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
		},
		why: "the core neither sees nor changes the machine it runs on",
	},
}

// emptyNames say nothing of what a package is for, and so gather what belongs elsewhere.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "misc"}

// roomOf returns the room of a folder.
func roomOf(folder string) (room, bool) {
	for _, r := range rooms {
		if within(folder, r.folder) {
			return r, true
		}
	}
	return room{}, false
}

// within tells whether a path is a folder or lies below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func withinAny(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return within(path, folder) })
}

// listed tells whether an import path is allowed by a list.
func listed(path string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		return path == entry || strings.HasSuffix(entry, "/") && strings.HasPrefix(path, entry)
	})
}
