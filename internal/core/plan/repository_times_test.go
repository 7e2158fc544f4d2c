// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// TestLawSpread: the repositories of a cluster come due one after the other: within the last tenth of the time that a task has, and
// within the last twentieth for what reads all of it. It kills a spread over more or less, and none at all.
func TestLawSpread(t *testing.T) {
	const within = 40 * 24 * time.Hour
	for _, c := range []struct {
		task  RepositoryTask
		every time.Duration
		of    int // the part of the time over which they are spread
		due   func(*api.Repository) time.Duration
	}{
		{TaskProbe, 24 * time.Hour, 10, func(r *api.Repository) time.Duration {
			r.Spec.ProbeEvery = &metav1.Duration{Duration: 24 * time.Hour}
			p := RepositoryPlan{generation: 1}
			return p.regularly(r, TaskProbe, &api.RepositoryRun{StartedAt: metav1.NewTime(noon)}).Sub(noon)
		}},
		{TaskMaintain, maintainEvery, 10, func(r *api.Repository) time.Duration {
			return new(RepositoryPlan).regularly(r, TaskMaintain, nil).Sub(noon)
		}},
		{TaskVerify, within * 3 / 4, 20, func(r *api.Repository) time.Duration {
			r.Spec.VerifyWithin = &metav1.Duration{Duration: within}
			p := RepositoryPlan{status: api.RepositoryStatus{LastVerified: metaTime(noon)}}
			return p.regularly(r, TaskVerify, &api.RepositoryRun{StartedAt: metav1.NewTime(noon)}).Sub(noon)
		}},
	} {
		soonest, latest := 2*c.every, time.Duration(0)
		for i := range 2000 {
			due := c.due(offsite(func(r *api.Repository) { r.UID = types.UID(fmt.Sprint("repository-", i)) }))
			soonest, latest = min(soonest, due), max(latest, due)
		}
		first := c.every - c.every/time.Duration(c.of)
		if soonest < first || soonest > first+c.every/500 || latest > c.every || latest < c.every-c.every/500 {
			t.Errorf("%s comes due from %s to %s, want %s to %s", c.task, soonest, latest, first, c.every)
		}
	}
	for i := range 20 {
		if got := spread(offsite(func(r *api.Repository) { r.UID = types.UID(fmt.Sprint(i)) }), TaskProbe, 0); got != 0 {
			t.Errorf("where there is no room they are spread by %s", got)
		}
	}
}

// TestRepositoryTimes: when a task is due, and how long it may take.
func TestRepositoryTimes(t *testing.T) {
	run := func(mods ...func(*api.RepositoryRun)) *api.RepositoryRun {
		r := &api.RepositoryRun{StartedAt: metav1.NewTime(hour(10)), FinishedAt: metaTime(hour(11))}
		for _, m := range mods {
			m(r)
		}
		return r
	}
	failed := func(n int32, reason string) func(*api.RepositoryRun) {
		return func(r *api.RepositoryRun) { r.Failures, r.Reason = n, reason }
	}
	within := func(d time.Duration) func(*api.Repository) {
		return func(r *api.Repository) { r.Spec.VerifyWithin = &metav1.Duration{Duration: d} }
	}
	adopted := func(r *api.Repository) { r.Spec.UniqueID = theID }
	damage := &api.RepositoryDamage{}
	for _, c := range []struct {
		name   string
		mods   []func(*api.Repository)
		run    *api.RepositoryRun
		damage *api.RepositoryDamage
		want   time.Time
	}{
		{"a new one is verified at once", nil, nil, nil, noon},
		{"an adopted one within a day", []func(*api.Repository){adopted}, nil, nil, noon.Add(24 * time.Hour)},
		{"or sooner when that is promised", []func(*api.Repository){adopted, within(20 * time.Hour)}, nil, nil, noon.Add(15 * time.Hour)},
		{"one whose verification failed once", nil, run(failed(1, api.ReasonMoverFailed)), nil, hour(11).Add(taskFirst)},
		{"one whose verification failed often", nil, run(failed(30, api.ReasonMoverFailed)), nil, hour(11).Add(24 * time.Hour)},
		{"one that is damaged", nil, run(failed(1, api.ReasonCopyCorrupt)), damage, hour(11).Add(damagedAgain)},
		{"one that is damaged, and is to be read often", []func(*api.Repository){within(4 * time.Hour)}, run(failed(1, api.ReasonCopyCorrupt)), damage, hour(14)},
		{"one that is damaged, and could not be read", nil, run(failed(1, api.ReasonMoverFailed)), damage, hour(11).Add(taskFirst)},
		{"one of which damage was told, and is not known", nil, run(failed(1, api.ReasonCopyCorrupt)), nil, hour(11).Add(taskFirst)},
		{"one that is damaged, and was read well since", nil, run(failed(0, api.ReasonCopyCorrupt)), damage, hour(10).Add(taskFirst)},
	} {
		p := RepositoryPlan{status: api.RepositoryStatus{Damage: c.damage}}
		if got := p.verifyAt(offsite(c.mods...), c.run); !got.Equal(c.want) {
			t.Errorf("%s: at %s, want %s", c.name, got, c.want)
		}
	}
	probe := RepositoryPlan{generation: 1}
	if got := probe.regularly(offsite(), TaskProbe, run(failed(1, api.ReasonRepositoryUnreachable))); !got.Equal(hour(11).Add(probeFirst)) {
		t.Errorf("a probe that failed once is due at %s", got)
	}
	for n, want := range map[int32]time.Duration{1: taskFirst, 2: 2 * taskFirst, 3: 4 * taskFirst, 9: 24 * time.Hour, 99: 24 * time.Hour} {
		if got := backOff(taskFirst, 24*time.Hour, n); got != want {
			t.Errorf("after %d failures it waits %s, want %s", n, got, want)
		}
	}
	lock := func(period time.Duration) func(*api.Repository) {
		return func(r *api.Repository) {
			r.Spec.ObjectLock = &api.ObjectLock{Period: metav1.Duration{Duration: period}}
		}
	}
	for _, c := range []struct {
		mods []func(*api.Repository)
		want time.Duration
	}{
		{[]func(*api.Repository){within(40 * time.Hour)}, 10 * time.Hour}, {[]func(*api.Repository){within(40 * time.Hour), lock(10 * time.Hour)}, 5 * time.Hour},
		{[]func(*api.Repository){within(40 * time.Hour), lock(time.Hour)}, leastVerify}, {[]func(*api.Repository){within(10000 * time.Hour)}, mostVerify},
	} {
		if got := taskDeadline(offsite(c.mods...), TaskVerify); got != c.want {
			t.Errorf("verification may take %s, want %s", got, c.want)
		}
	}
	ahead := func(d time.Duration) *api.RepositoryRun {
		return &api.RepositoryRun{StartedAt: metav1.NewTime(noon.Add(d)), FinishedAt: metaTime(noon)}
	}
	for d, want := range map[time.Duration]bool{clockDoubt: false, clockDoubt + time.Second: true} {
		p := RepositoryPlan{generation: 1, status: api.RepositoryStatus{Probe: ahead(d)}}
		if got := p.dueAt(offsite(), TaskProbe, noon).Equal(noon); got != want {
			t.Errorf("a run %s in the future is taken for one of a wrong clock: %t", d, got)
		}
	}
	for d, want := range map[time.Duration]time.Time{clockDoubt: noon, clockDoubt - time.Second: noon.Add(clockDoubt)} {
		if got := startAfter(ahead(d), noon); !got.Equal(want) {
			t.Errorf("after a run %s in the future the next starts at %s, want %s", d, got, want)
		}
	}
	r := offsite(within(time.Hour), func(r *api.Repository) {
		r.Status = api.RepositoryStatus{ObservedGeneration: 1, UniqueID: theID, LastVerified: metaTime(noon), Probe: run(), Maintenance: ahead(0),
			Verification: &api.RepositoryRun{StartedAt: metav1.NewTime(noon.Add(50 * time.Minute)), Deadline: metav1.NewTime(hour(20))}}
		r.Status.Probe.StartedAt = metav1.NewTime(noon.Add(54 * time.Minute))
	})
	name := taskPod(r, TaskVerify, r.Status.Verification)
	o := RepositoryObserved{Repository: r, Pods: []TaskPod{{BroughtPod: BroughtPod{Target: Target{name, "u"}, Phase: PodRunning}}}}
	if p := ForRepository(o, noon.Add(55*time.Minute)); !p.Wake.Equal(hour(13)) {
		t.Errorf("one that is not read back in time is looked at again at %s", p.Wake)
	}
	var refused RepositoryPlan
	if refused.PasswordRefused(Problem{api.ReasonQuotaExceeded, "x"}, noon); !refused.Wake.Equal(noon.Add(probeFirst)) {
		t.Errorf("a Secret that could not be made is tried again at %s", refused.Wake)
	}
	first := ForRepository(RepositoryObserved{Repository: offsite(func(r *api.Repository) { r.Generation = 3 })}, noon)
	if s, _ := first.Report(RepositoryObserved{Repository: offsite()}, noon); s.ObservedGeneration != 3 {
		t.Errorf("what is begun is begun for generation %d", s.ObservedGeneration)
	}
	named := ForRepository(RepositoryObserved{Repository: offsite(func(r *api.Repository) { r.Spec.Password = &api.SecretReference{Name: "mine"} })}, noon)
	if named.status.PasswordSecret != "mine" {
		t.Errorf("the password is in Secret %q", named.status.PasswordSecret)
	}
	if TaskProbe.alone() || TaskImport.alone() || !TaskVerify.alone() || !TaskMaintain.alone() {
		t.Error("looks are alone, or what sets aside is not")
	}
	probing := RepositoryPlan{status: r.Status}
	for pod, want := range map[string]bool{taskPod(r, TaskProbe, r.Status.Probe): false, name: true, "stray": true} {
		if got := probing.disturbs(o, TaskPod{BroughtPod: BroughtPod{Target: Target{Name: pod}}}); got != want {
			t.Errorf("pod %s disturbs: %t", pod, got)
		}
	}
}

// TestAccess: each kind of repository is reached by what its spec says, and by the Secrets that it names.
func TestAccess(t *testing.T) {
	keys := &api.SecretReference{Name: "keys"}
	password := PasswordSecret(offsite())
	for name, c := range map[string]struct {
		spec   api.RepositorySpec
		order  order.Repository
		access Access
	}{
		"S3": {api.RepositorySpec{S3: &api.S3Location{Endpoint: "e", Bucket: "b", Prefix: "p", Region: "r", Credentials: keys, CABundle: &api.SecretReference{Name: "ca"}}},
			order.Repository{S3: &order.S3{Endpoint: "e", Bucket: "b", Prefix: "p", Region: "r", CA: true}}, Access{Credentials: "keys", CABundle: "ca"}},
		"S3, certificates that browsers trust": {api.RepositorySpec{S3: &api.S3Location{Bucket: "b", Credentials: keys}}, order.Repository{S3: &order.S3{Bucket: "b"}}, Access{Credentials: "keys"}},
		"GCS":                                  {api.RepositorySpec{GCS: &api.GCSLocation{Bucket: "b", Prefix: "p", Credentials: keys}}, order.Repository{GCS: &order.GCS{Bucket: "b", Prefix: "p"}}, Access{Credentials: "keys"}},
		"Azure": {api.RepositorySpec{Azure: &api.AzureLocation{Account: "a", Container: "c", Prefix: "p", Domain: "d", Credentials: *keys}},
			order.Repository{Azure: &order.Azure{Account: "a", Container: "c", Prefix: "p", Domain: "d"}}, Access{Credentials: "keys"}},
		"SFTP": {api.RepositorySpec{SFTP: &api.SFTPLocation{Host: "h", User: "u", Path: "p", Credentials: *keys}},
			order.Repository{SFTP: &order.SFTP{Host: "h", Port: 22, User: "u", Path: "p"}}, Access{Credentials: "keys"}},
		"SFTP, another port": {api.RepositorySpec{SFTP: &api.SFTPLocation{Host: "h", Port: 2222, Credentials: *keys}}, order.Repository{SFTP: &order.SFTP{Host: "h", Port: 2222}}, Access{Credentials: "keys"}},
		"WebDAV":             {api.RepositorySpec{WebDAV: &api.WebDAVLocation{URL: "https://h/p", Credentials: *keys}}, order.Repository{WebDAV: &order.WebDAV{URL: "https://h/p"}}, Access{Credentials: "keys"}},
		"a claim":            {api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "c"}}, order.Repository{Filesystem: &order.Filesystem{Path: order.FilesystemDir + "/lifeboat"}}, Access{Claim: "c"}},
		"limits": {api.RepositorySpec{S3: &api.S3Location{Credentials: keys}, Limits: &api.RepositoryLimits{UploadBytesPerSecond: 3, DownloadBytesPerSecond: 4}},
			order.Repository{S3: &order.S3{}, UploadBytesPerSecond: 3, DownloadBytesPerSecond: 4}, Access{Credentials: "keys"}},
	} {
		c.access.Repository, c.access.Password = "offsite", password
		o, a, bad := AccessTo(offsite(func(r *api.Repository) { r.Spec = c.spec }), Allowed{})
		if bad != nil || asJSON(o) != asJSON(c.order) || a != c.access {
			t.Errorf("%s: %s, %+v, %+v", name, asJSON(o), a, bad)
		}
	}
	for name, c := range map[string]struct {
		spec   api.RepositorySpec
		reason string
		may    Allowed
	}{
		"GCS by identity":    {api.RepositorySpec{GCS: &api.GCSLocation{WorkloadIdentity: true}}, api.ReasonIdentityNotAllowed, Allowed{WorkloadIdentity: true}},
		"WebDAV in the open": {api.RepositorySpec{WebDAV: &api.WebDAVLocation{URL: "http://h"}}, api.ReasonInsecureNotAllowed, Allowed{Insecure: true}},
	} {
		r := offsite(func(r *api.Repository) { r.Spec = c.spec })
		if _, _, bad := AccessTo(r, Allowed{}); bad == nil || bad.Reason != c.reason {
			t.Errorf("%s: %+v", name, bad)
		}
		if _, _, bad := AccessTo(r, c.may); bad != nil {
			t.Errorf("%s, and it is allowed: %+v", name, bad)
		}
	}
	waits := Access{Password: "p", Credentials: "k", CABundle: "ca", Claim: "disk"}.Awaited()
	if !strings.HasSuffix(waits.Message, "create what is not there of: Secret p (key password), Secret k (the credentials), Secret ca (key ca.crt), claim disk") {
		t.Errorf("it waits for %q", waits.Message)
	}
	if m := (Access{Password: "p"}).Awaited().Message; !strings.HasSuffix(m, ": Secret p (key password)") {
		t.Errorf("it waits for %q", m)
	}
}

// TestUsableRecords: a record is used when each of its words fits where it is written down.
func TestUsableRecords(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(*order.Record, string)
		most  int
		empty bool // it may be
	}{
		"point UID":     {func(r *order.Record, s string) { r.PointUID = s }, 64, false},
		"point":         {func(r *order.Record, s string) { r.Point = s }, 253, false},
		"namespace":     {func(r *order.Record, s string) { r.Namespace = s }, 63, false},
		"policy":        {func(r *order.Record, s string) { r.Policy = s }, 63, false},
		"claim":         {func(r *order.Record, s string) { r.Claim = s }, 253, false},
		"claim UID":     {func(r *order.Record, s string) { r.ClaimUID = s }, 64, false},
		"digest":        {func(r *order.Record, s string) { r.Digest = s }, 80, false},
		"driver":        {func(r *order.Record, s string) { r.Driver = s }, 253, true},
		"access modes":  {func(r *order.Record, s string) { r.AccessModes = s }, 128, true},
		"storage class": {func(r *order.Record, s string) { r.StorageClass = s }, 253, true},
	} {
		of := func(s string) bool {
			return usableRecord(recordOf("a", "data", 1, func(r *order.Record) { c.set(r, s) }))
		}
		if !of(strings.Repeat("x", c.most)) || of(strings.Repeat("x", c.most+1)) || of("") != c.empty {
			t.Errorf("a %s is used up to another length than %d, or when it is empty", name, c.most)
		}
	}
	for name, c := range map[string]struct {
		mod  func(*order.Record)
		want bool
	}{
		"a block volume":     {func(r *order.Record) { r.Mode = modeBlock }, true},
		"no mode":            {func(r *order.Record) { r.Mode = "" }, true},
		"an empty volume":    {func(r *order.Record) { r.Size = 0 }, true},
		"one volume":         {func(r *order.Record) { r.Volumes = 1 }, true},
		"no volume":          {func(r *order.Record) { r.Volumes = 0 }, false},
		"less than nothing":  {func(r *order.Record) { r.Size = -1 }, false},
		"no time of capture": {func(r *order.Record) { r.CapturedAt = time.Time{} }, false},
		"no time of copying": {func(r *order.Record) { r.CopiedAt = time.Time{} }, false},
		"no time":            {func(r *order.Record) { r.PointInTime = time.Time{} }, false},
	} {
		if got := usableRecord(recordOf("a", "data", 1, c.mod)); got != c.want {
			t.Errorf("%s: it is used: %t", name, got)
		}
	}
	for name, mod := range map[string]func(*order.Record){
		"volumes": func(r *order.Record) { r.Volumes = 3 }, "point": func(r *order.Record) { r.Point = "x" }, "namespace": func(r *order.Record) { r.Namespace = "x" },
		"policy": func(r *order.Record) { r.Policy = "x" }, "time": func(r *order.Record) { r.PointInTime = noon },
	} {
		if agree([]order.Record{recordOf("a", "data", 1), recordOf("a", "logs", 1, mod)}) {
			t.Errorf("records of another %s agree", name)
		}
	}
	var most []order.Record
	for i := range MostBrought {
		most = append(most, recordOf("c", fmt.Sprint("c", i), 2, func(r *order.Record) { r.Volumes = MostBrought }))
	}
	if p := ForImport(catalogue(most...), noon); len(p.Points) != 1 || p.Odd != 0 {
		t.Errorf("of as many volumes as may be it imports %d, odd %d", len(p.Points), p.Odd)
	}
}

// TestImportIsTold: an import ends once nothing is left, and tells what came of it.
func TestImportIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		made int
		plan ImportPlan
		ends bool
		told string
		says string
	}{
		"nothing new":       {0, ImportPlan{}, true, "", ""},
		"one point":         {1, ImportPlan{}, true, "false 1 recovery points were made of what the repository holds", ""},
		"one, and one left": {1, ImportPlan{Left: 1}, false, "false 1 recovery points were made of what the repository holds", ""},
		"one that is odd":   {0, ImportPlan{Odd: 1}, true, "true 1 recovery points cannot be imported", "1 recovery points cannot be imported"},
	} {
		p := RepositoryPlan{status: api.RepositoryStatus{Import: &api.RepositoryRun{StartedAt: metav1.NewTime(noon), Bytes: 9}}}
		p.Imported(5, c.made, c.plan, noon)
		run := p.status.Import
		if (run.FinishedAt != nil) != c.ends || p.Wake.Equal(noon) == c.ends || (c.ends && run.Bytes != 0) || !strings.HasPrefix(run.Message, c.says) || (c.says == "" && run.Message != "") {
			t.Errorf("%s: it is %+v, and wakes at %s", name, run, p.Wake)
		}
		if got := noteOf(p.notes, api.ReasonPointsImported); !strings.HasPrefix(got, c.told) || (c.told == "" && got != "") {
			t.Errorf("%s: it tells %q", name, got)
		}
	}
}

// TestWhatPodsFound: what a look or a reading found is recorded, and no more than it could find.
func TestWhatPodsFound(t *testing.T) {
	run := func() *api.RepositoryRun { return &api.RepositoryRun{StartedAt: metav1.NewTime(noon), Bytes: 9} }
	plan := func() RepositoryPlan {
		return RepositoryPlan{status: api.RepositoryStatus{UniqueID: theID, Probe: run(), Verification: run(), Import: run()}}
	}
	p := plan()
	p.probed(RepositoryObserved{Repository: offsite()}, RepositoryResult{UniqueID: theID, Probe: &ProbeDone{Locked: ptr.To(true)}}, noon)
	if p.locked != nil || p.status.Probe.Bytes != 0 {
		t.Errorf("where no lock is promised it states %+v", p.locked)
	}
	locked := offsite(func(r *api.Repository) { r.Spec.ObjectLock = &api.ObjectLock{} })
	if p.probed(RepositoryObserved{Repository: locked}, RepositoryResult{UniqueID: theID, Probe: &ProbeDone{}}, noon); p.locked != nil {
		t.Errorf("of a lock that was not tried it states %+v", p.locked)
	}
	for name, c := range map[string]struct {
		found *VerifyDone
		want  string
	}{
		"nothing was told": {nil, api.ReasonMoverFailed},
		"one piece":        {&VerifyDone{Contents: 1, Bytes: 7}, api.ReasonCopyCorrupt},
		"one copy":         {&VerifyDone{Damaged: 1, Bytes: 7}, api.ReasonCopyCorrupt},
		"all is well":      {&VerifyDone{Bytes: 7}, ""},
	} {
		p := plan()
		p.verified(RepositoryObserved{}, RepositoryResult{UniqueID: theID, Verify: c.found}, noon)
		if v := p.status.Verification; v.Reason != c.want || (p.status.Damage != nil) != (c.want == api.ReasonCopyCorrupt) || (p.status.LastVerified != nil) != (c.want == "") || (c.found != nil && v.Bytes != 7) {
			t.Errorf("%s: %+v, %+v", name, v, p.status.Damage)
		}
	}
	for name, c := range map[string]struct {
		told *VerifyDone
		why  string
		want bool
	}{
		"nothing":                  {nil, api.ReasonMoverFailed, false},
		"nothing yet":              {&VerifyDone{}, api.ReasonMoverFailed, false},
		"one piece":                {&VerifyDone{Contents: 1}, api.ReasonMoverFailed, true},
		"as many pieces as copies": {&VerifyDone{Contents: 1, Damaged: 1}, api.ReasonMoverFailed, true},
		"that it cannot be read":   {nil, api.ReasonCopyCorrupt, true},
	} {
		p := plan()
		if p.brokenOff(RepositoryObserved{}, &RepositoryResult{Verify: c.told}, Problem{c.why, "x"}, noon); (p.status.Damage != nil) != c.want {
			t.Errorf("before it was broken off it found %s: %+v", name, p.status.Damage)
		}
	}
	for task, want := range map[RepositoryTask]string{TaskVerify: "true " + string(TaskVerify) + " failed: x", TaskImport: "true " + string(TaskImport) + " failed: x", TaskProbe: ""} {
		p := plan()
		p.end(task, Problem{api.ReasonMoverFailed, "x"}, noon)
		if got := noteOf(p.notes, api.ReasonMoverFailed); got != want {
			t.Errorf("of %s that failed it tells %q", task, got)
		}
	}
	done := TaskPod{BroughtPod: BroughtPod{Phase: PodSucceeded, Told: &RepositoryResult{UniqueID: theID}}}
	listed := plan()
	if listed.record(RepositoryObserved{Repository: offsite()}, TaskImport, done, noon); !listed.Wake.Equal(noon.Add(waitAgain)) {
		t.Errorf("what was listed is imported at %s", listed.Wake)
	}
	pending := &TaskPod{BroughtPod: BroughtPod{Phase: PodPending}, Scheduled: noon}
	for at, want := range map[time.Time]bool{noon.Add(sayAfter - time.Second): false, noon.Add(sayAfter): true} {
		if got := awaited(RepositoryObserved{Repository: offsite()}, pending, at) != nil; got != want {
			t.Errorf("%s after it has a node it says what it waits for: %t", at.Sub(noon), got)
		}
	}
	pending.Scheduled = time.Time{}
	if why := missedDeadline(TaskProbe, RepositoryObserved{Repository: offsite()}, pending, noon); why.Reason != api.ReasonRepositoryUnreachable {
		t.Errorf("of a pod that nobody knows why it waits it says %+v", why)
	}
	pending.Waits = &Problem{api.ReasonUnschedulable, "no node"}
	if why := missedDeadline(TaskProbe, RepositoryObserved{Repository: offsite()}, pending, noon); why.Reason != api.ReasonUnschedulable {
		t.Errorf("of a pod without a node it says %+v", why)
	}
	early := run()
	if listed.wait(RepositoryObserved{Repository: offsite()}, early, pending, noon.Add(time.Second)); early.Reason != "" {
		t.Errorf("a moment after it was begun it says %+v", early)
	}
	for digest, want := range map[string]bool{
		printOf("data").Digest: true, strings.TrimPrefix(printOf("data").Digest, "sha256:"): false, "sha256:" + strings.Repeat("z", 64): false, "sha256:" + strings.Repeat("ab", 32) + "zz": false, "sha256:ab": false,
	} {
		if got := (&CopyResult{Fingerprint: api.Fingerprint{Digest: digest}}).whole(); got != want {
			t.Errorf("a copy with the digest %s is whole: %t", digest, got)
		}
	}
}

// TestRepositorySays: what stands in the conditions, and what is told, when they turn.
func TestRepositorySays(t *testing.T) {
	is := func(mods ...func(*RepositoryPlan)) RepositoryPlan {
		p := RepositoryPlan{status: api.RepositoryStatus{UniqueID: theID, Import: &api.RepositoryRun{Reason: api.ReasonMoverFailed, Message: "no log"}}}
		for _, m := range mods {
			m(&p)
		}
		return p
	}
	imports := offsite(func(r *api.Repository) { r.Spec.Import = true })
	away := func(p *RepositoryPlan) {
		p.status.Probe = &api.RepositoryRun{Reason: api.ReasonRepositoryUnreachable, Message: "no answer"}
	}
	unmade := func(p *RepositoryPlan) { p.status = api.RepositoryStatus{} }
	const well = "copies can be made in it, and brought back from it"
	for name, c := range map[string]struct {
		r    *api.Repository
		plan RepositoryPlan
		want string
	}{
		"all is well":                  {offsite(), is(), well},
		"its points were not imported": {imports, is(), well + "; what it holds could not be imported: no log"},
		"its points were imported":     {imports, is(func(p *RepositoryPlan) { p.status.Import.Reason = "" }), well},
		"nothing was imported yet":     {imports, is(func(p *RepositoryPlan) { p.status.Import = nil }), well},
		"it is away":                   {imports, is(away), "no answer"},
		"it is being made":             {offsite(), is(unmade), "the repository is being made"},
		"it is being opened":           {imports, is(unmade), "the repository is being opened for the first time"},
	} {
		if got := c.plan.ready(c.r).Message; got != c.want {
			t.Errorf("%s: it says %q", name, got)
		}
	}
	point := []api.DamagedPoint{{UID: "u", Name: "p", Namespace: "shop"}}
	for want, d := range map[string]api.RepositoryDamage{
		"2 pieces of data cannot be read back, and 1 copies of volumes need one of them; look after the store, and keep every snapshot that there is":                               {Contents: 2, Copies: 1},
		"1 pieces of data cannot be read back, and 1 copies of volumes need one of them, of 1 recovery points: shop/p; look after the store, and keep every snapshot that there is": {Contents: 1, Copies: 1, PointCount: 1, Points: point},
		"1 pieces of data cannot be read back, and 0 copies of volumes need one of them; they were set aside, so that the next copies bring anew what the source still has":         {Contents: 1, Healing: true},
		"it cannot be read as far as it takes to tell what is damaged; look after the store, and keep every snapshot that there is":                                                 {},
	} {
		if got := damageMessage(d); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	turned := func(s metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{Type: api.ConditionReady, Status: s, Reason: "X", Message: "m"}
	}
	if n := news(nil, turned(metav1.ConditionFalse)); n == nil || *n != (Note{true, "X", "m"}) {
		t.Errorf("it tells %+v", n)
	}
	if n := news(nil, turned(metav1.ConditionTrue)); n == nil || n.Warning {
		t.Errorf("it tells %+v", n)
	}
}
