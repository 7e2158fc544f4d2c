// SPDX-License-Identifier: Apache-2.0

package names

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	slot      = time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)
	policyUID = "6f1c9f4e-7f0e-4c58-9a3e-1d2f3a4b5c6d"
	claimUID  = "0b9d6a52-2f63-4a53-8a94-5d8f4f2f6c11"
	pointUID  = "c4e1f7a0-93b1-4f0e-b1fb-7a9d0a2b3c4d"
)

// TestGolden keeps names as they are. If it fails, do not edit it: every name that changes makes each
// cluster do again, under the new name, what it did under the old one.
func TestGolden(t *testing.T) {
	long := strings.Repeat("a-very-long-name.", 15)[:253]
	for _, tc := range []struct{ why, got, want string }{
		{"point", Point("nightly", policyUID, slot), "nightly-20261025-013000-q5wrrg52kw"},
		{"point of a long name", Point(long, policyUID, slot), "a-very-long-name-a-very-long-name-a-20261025-013000-q5wrrg52kw"},
		{"point of a policy that was created again", Point("nightly", claimUID, slot), "nightly-20261025-013000-qvun4iilbe"},
		{"snapshot of a slot", Snapshot("data-postgres-0", policyUID, claimUID, Stamp(slot)), "data-postgres-0-20261025-013000-s7jt74ldqd"},
		{"snapshot of a point made by hand", Snapshot("data-postgres-0", policyUID, claimUID, pointUID), "data-postgres-0-c4e1f7a0-4bqdb6vkg4"},
		{"snapshot of a long claim name", Snapshot(long, policyUID, claimUID, Stamp(slot)), "a-very-long-name-a-very-long-name-a-20261025-013000-s7jt74ldqd"},
		{"snapshot of a claim name with dots", Snapshot("www.example.org", policyUID, claimUID, Stamp(slot)), "www-example-org-20261025-013000-s7jt74ldqd"},
		{"nothing readable", Snapshot("-.-", policyUID, claimUID, ""), "x-tyinizfnj2"},
		{"cut at a dash", Snapshot(strings.Repeat("a", 35)+"--b", policyUID, claimUID, Stamp(slot)), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20261025-013000-s7jt74ldqd"},
		{"cut to the longest", Snapshot(strings.Repeat("n", 253), policyUID, claimUID, Stamp(slot)), "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-20261025-013000-s7jt74ldqd"},
		{"group", GroupSnapshot("nightly", policyUID, Stamp(slot), "a.csi.example.org"), "nightly-20261025-013000-mke75mkevg"},
		{"group of another driver", GroupSnapshot("nightly", policyUID, Stamp(slot), "b.csi.example.org"), "nightly-20261025-013000-wy3ttu374q"},
		{"drill", Drill("nightly", policyUID, slot), "nightly-drill-20261025-013000-5yomo6l3fr"},
		{"drill of a long name", Drill(long, policyUID, slot), "a-very-long-name-a-very-long-n-drill-20261025-013000-5yomo6l3fr"},
		{"claim that is thrown away", Throwaway("data-postgres-0", pointUID, claimUID), "data-postgres-0-restored-fvsw52gnok"},
		{"claim that is thrown away, of a long name", Throwaway(long, pointUID, claimUID), "a-very-long-name-a-very-long-name-a-very-lo-restored-fvsw52gnok"},
		{"reader", Reader("data-postgres-0", pointUID, claimUID, 0), "data-postgres-0-read-k6jm5qmle6"},
		{"the reader that follows a lost one", Reader("data-postgres-0", pointUID, claimUID, 1), "data-postgres-0-read-4dy76qjppx"},
		{"pod of a check", CheckPod("amcheck", pointUID), "amcheck-check-5fjppf2vcr"},
		{"network policy of a drill", Isolation("nightly-now", pointUID), "nightly-now-isolation-evinkzt4gk"},
		{"evidence", Evidence("nightly", pointUID), "nightly-evidence-x6ubbi3ov4"},
		{"safety point", SafetyPoint("undo", pointUID), "undo-before-zqbm2yk23o"},
		{"report", Report("nightly", policyUID), "nightly-report-wukkwwyb7i"},
		{"report on a policy of a long name", Report(long, policyUID), "a-very-long-name-a-very-long-name-a-very-long-report-wukkwwyb7i"},
		{"password of a repository", RepositoryPassword("offsite"), "offsite-repository-password"},
		{"pod of a repository", RepositoryPod("offsite", pointUID, "probe", slot), "offsite-probe-3v54seeu2k"},
		{"pod of a repository of a long name", RepositoryPod(long[:63], pointUID, "maintain", slot), "a-very-long-name-a-very-long-name-a-very-lo-maintain-odnvdgmpip"},
		{"imported point", ImportedPoint("nightly-20261025-013000-q5wrrg52kw", pointUID, strings.Repeat("a", 64)), "nightly-20261025-013000-q5wrrg52kw-imported-44dl7l4oyn"},
		{"run of a copy", CopyRun(pointUID, "offsite"), "copy-bdoxayhik3"},
		{"copier", Copier("data", CopyRun(pointUID, "offsite"), claimUID, 1, 2), "data-copy-4742zghvsu"},
		{"forgetter", Forgetter("vault", CopyRun(pointUID, "offsite"), 1, 2), "vault-forget-pz6eridb3c"},
		{"number", strconv.FormatUint(Hash("rotate", "nightly-drill"), 10), "1606201353345964554"},
		{"claim", ClaimHash(claimUID), "8WYwP32F"},
		{"claims", ClaimSet([]string{policyUID, claimUID, pointUID, claimUID}), "8WYwP32FGGwobxS3b11kwWMC"},
		{"no claims", ClaimSet(nil), ""},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is %q, want %q", tc.why, tc.got, tc.want)
		}
	}
}

// TestRunNames: what one run makes for different volumes, checks and attempts has different names, and another run's are
// others. It catches a name without the run, without the claim's UID, or without the attempt.
func TestRunNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Z0-9.-]{0,80}`).Draw(t, "name")
		seen := map[string]string{}
		for _, run := range []string{policyUID, pointUID} {
			for _, claim := range []string{claimUID, "another"} {
				made := map[string]string{
					"claim of " + run + claim: Throwaway(name, run, claim),
					"reader " + run + claim:   Reader(name, run, claim, 0), "second reader " + run + claim: Reader(name, run, claim, 1),
				}
				if claim == claimUID {
					made["check of "+run], made["isolation of "+run] = CheckPod(name, run), Isolation(name, run)
					made["evidence of "+run], made["safety point of "+run] = Evidence(name, run), SafetyPoint(name, run)
					made["drill of "+run], made["drill later of "+run] = Drill(name, run, slot), Drill(name, run, slot.Add(time.Second))
				}
				for what, got := range made {
					if was, ok := seen[got]; ok {
						t.Fatalf("%s and %s share %q", what, was, got)
					}
					seen[got] = what
					if !label.MatchString(got) {
						t.Fatalf("%s is %q", what, got)
					}
				}
			}
		}
		again := strings.Clone(name)
		if Hash("a", "b") == Hash("ab") || Hash("a", name) != Hash("a", again) {
			t.Fatal("numbers depend on more, or less, than their parts")
		}
	})
}

// namer is what the laws judge: our functions, or faulty ones that a law must convict.
type namer struct {
	point    func(policyName, policyUID string, slot time.Time) string
	snapshot func(claimName, policyUID, claimUID, run string) string
	group    func(policyName, policyUID, run, driver string) string
}

var ours = namer{Point, Snapshot, GroupSnapshot}

// identity is what the laws are asked about: the parts of which names are made, and a change to one.
type identity struct {
	name, policyUID, claimUID, run, driver string
	slot                                   time.Time
	other                                  *identity // differs from this one
}

func (i identity) String() string {
	return fmt.Sprintf("%q %q %q %q %q %v", i.name, i.policyUID, i.claimUID, i.run, i.driver, i.slot)
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

var laws = []struct {
	name  string
	holds func(namer, identity) error
}{
	{"names are DNS labels", func(n namer, i identity) error {
		for _, name := range n.all(i) {
			if !label.MatchString(name) {
				return fmt.Errorf("%q", name)
			}
		}
		return nil
	}},
	{"different things have different names", func(n namer, i identity) error {
		a, b := i, *i.other
		if a.policyUID != b.policyUID || !a.slot.Equal(b.slot) {
			if name := n.point(a.name, a.policyUID, a.slot); name == n.point(b.name, b.policyUID, b.slot) {
				return fmt.Errorf("points share %q", name)
			}
		}
		if a.policyUID != b.policyUID || a.claimUID != b.claimUID || a.run != b.run {
			if name := n.snapshot(a.name, a.policyUID, a.claimUID, a.run); name == n.snapshot(b.name, b.policyUID, b.claimUID, b.run) {
				return fmt.Errorf("snapshots share %q", name)
			}
		}
		if a.policyUID != b.policyUID || a.run != b.run || a.driver != b.driver {
			if name := n.group(a.name, a.policyUID, a.run, a.driver); name == n.group(b.name, b.policyUID, b.run, b.driver) {
				return fmt.Errorf("groups share %q", name)
			}
		}
		return nil
	}},
	{"kinds do not share names", func(n namer, i identity) error {
		// The same parts in the same places, whatever they mean to each kind.
		names := []string{n.snapshot(i.name, i.policyUID, i.claimUID, i.run), n.group(i.name, i.policyUID, i.claimUID, i.run)}
		if names[0] == names[1] {
			return fmt.Errorf("a snapshot and a group share %q", names[0])
		}
		return nil
	}},
	{"the same thing has one name", func(n namer, i identity) error {
		elsewhere := i
		elsewhere.slot = i.slot.In(time.FixedZone("elsewhere", 5*3600+1800))
		if a, b := n.all(i), n.all(elsewhere); !slices.Equal(a, b) {
			return fmt.Errorf("%q, then %q", a, b)
		}
		return nil
	}},
	{"names can be read", func(n namer, i identity) error {
		begin := strings.Trim(strings.ReplaceAll(strings.ToLower(i.name), ".", "-"), "-")
		begin = strings.Trim(begin[:min(len(begin), 20)], "-")
		for _, name := range n.all(i) {
			if !strings.HasPrefix(name, begin) {
				return fmt.Errorf("%q does not begin with %q", name, begin)
			}
		}
		if name := n.point(i.name, i.policyUID, i.slot); !strings.Contains(name, i.slot.UTC().Format("-20060102-150405-")) {
			return fmt.Errorf("%q does not show its slot", name)
		}
		return nil
	}},
}

func (n namer) all(i identity) []string {
	return []string{
		n.point(i.name, i.policyUID, i.slot),
		n.snapshot(i.name, i.policyUID, i.claimUID, i.run),
		n.group(i.name, i.policyUID, i.run, i.driver),
	}
}

// genIdentity aims: names of 253 characters, with dots and dashes at the cut and at the ends, and
// pairs that differ by little: in one part, behind a long common beginning, or only in where the same
// letters are cut into parts.
func genIdentity() *rapid.Generator[identity] {
	return rapid.Custom(func(t *rapid.T) identity {
		part := rapid.OneOf(rapid.StringMatching(`[a-z0-9]{0,3}`), rapid.StringMatching(`[a-z0-9.-]{0,253}`), rapid.SampledFrom([]string{policyUID, claimUID, "", "-", "a.b", Stamp(slot)}))
		i := identity{
			name:      part.Draw(t, "name"),
			policyUID: part.Draw(t, "policy"), claimUID: part.Draw(t, "claim"), run: part.Draw(t, "run"), driver: part.Draw(t, "driver"),
			slot: slot.Add(time.Duration(rapid.IntRange(-1e6, 1e6).Draw(t, "slot")) * time.Minute),
		}
		if rapid.Bool().Draw(t, "long") {
			i.name = strings.Repeat("n", rapid.IntRange(20, 70).Draw(t, "length")) + rapid.StringMatching(`[.a-]{0,30}`).Draw(t, "rest")
		}
		o := i
		switch rapid.IntRange(0, 6).Draw(t, "change") {
		case 0: // the same letters, cut at two places
			all := i.policyUID + i.claimUID + i.run
			a, b := rapid.IntRange(0, len(all)).Draw(t, "cut"), rapid.IntRange(0, len(all)).Draw(t, "cut")
			o.policyUID, o.claimUID, o.run = all[:min(a, b)], all[min(a, b):max(a, b)], all[max(a, b):]
		case 1: // likewise, in the parts of a group
			all := i.policyUID + i.run + i.driver
			a, b := rapid.IntRange(0, len(all)).Draw(t, "cut"), rapid.IntRange(0, len(all)).Draw(t, "cut")
			o.policyUID, o.run, o.driver = all[:min(a, b)], all[min(a, b):max(a, b)], all[max(a, b):]
		case 2:
			o.policyUID, o.claimUID = i.claimUID, i.policyUID
		case 3:
			o.run += "x"
		case 4:
			o.claimUID += "x"
		case 5:
			o.slot = i.slot.Add(rapid.SampledFrom([]time.Duration{1, time.Second, time.Hour, 24 * time.Hour}).Draw(t, "later"))
		case 6:
			o.driver += "x"
		}
		i.other = &o
		return i
	})
}

func TestLaws(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				i := genIdentity().Draw(t, "identity")
				if err := law.holds(ours, i); err != nil {
					t.Fatalf("%v and %v: %v", i, i.other, err)
				}
			})
		})
	}
}

// faults are mistakes that faulty can make on purpose.
type faults struct {
	noHash, hashOfReadable, hashOfJoined, noKinds, noRun, noDriver, noSlot     bool
	notCut, notTrimmed, dotsStay, emptyHead, localStamp, hashIsCut, unreadable bool
}

// faulty names things as the package does, but for its faults.
func faulty(f faults) namer {
	sum := func(parts []string) string {
		joined := strings.Join(parts, "\x00")
		if f.hashOfJoined {
			joined = strings.Join(parts, "")
		}
		h := sha256.Sum256([]byte(joined))
		return hex.EncodeToString(h[:5])
	}
	lock := func(readable, run string, parts ...string) string {
		head := strings.ToLower(readable)
		if !f.dotsStay {
			head = strings.ReplaceAll(head, ".", "-")
		}
		if f.noKinds {
			parts = parts[1:]
		}
		tail := "-" + run + "-" + sum(parts)
		if f.hashOfReadable {
			tail = "-" + run + "-" + sum([]string{readable, run})
		}
		if f.noHash {
			tail = "-" + run
		}
		if f.unreadable {
			return "x" + tail
		}
		if room := longest - len(tail); len(head) > room && !f.notCut {
			head = head[:room]
		}
		if !f.notTrimmed {
			head = strings.Trim(head, "-")
		}
		if head == "" && !f.emptyHead {
			head = "x"
		}
		if f.hashIsCut {
			return (readable + tail)[:min(longest, len(readable+tail))]
		}
		return head + tail
	}
	return namer{
		point: func(policyName, policyUID string, slot time.Time) string {
			at := slot.UTC().Format(stamp)
			if f.localStamp {
				at = slot.Format(stamp)
			}
			if f.noSlot {
				return lock(policyName, at[:8], "point", policyUID)
			}
			return lock(policyName, at, "point", policyUID, fmt.Sprint(slot.UnixNano()))
		},
		snapshot: func(claimName, policyUID, claimUID, run string) string {
			if f.noRun {
				return lock(claimName, "s", "snapshot", policyUID, claimUID)
			}
			return lock(claimName, "s"+shown(run), "snapshot", policyUID, claimUID, run)
		},
		group: func(policyName, policyUID, run, driver string) string {
			if f.noDriver {
				return lock(policyName, "s"+shown(run), "group", policyUID, run)
			}
			return lock(policyName, "s"+shown(run), "group", policyUID, run, driver)
		},
	}
}

func TestLawsKillFaults(t *testing.T) {
	convicts := map[string]bool{}
	for name, n := range map[string]namer{
		"there is no hash":                    faulty(faults{noHash: true}),
		"the hash is over the readable part":  faulty(faults{hashOfReadable: true}),
		"the parts are joined without a mark": faulty(faults{hashOfJoined: true}),
		"kinds are not told apart":            faulty(faults{noKinds: true}),
		"the run is not in the name":          faulty(faults{noRun: true}),
		"the driver is not in the name":       faulty(faults{noDriver: true}),
		"the day stands for the slot":         faulty(faults{noSlot: true}),
		"long names stay long":                faulty(faults{notCut: true}),
		"dashes stay where the name is cut":   faulty(faults{notTrimmed: true}),
		"dots stay":                           faulty(faults{dotsStay: true}),
		"nothing readable leaves a dash":      faulty(faults{emptyHead: true}),
		"the slot is written in its own zone": faulty(faults{localStamp: true}),
		"the cut takes the hash":              faulty(faults{hashIsCut: true}),
		"the readable part is thrown away":    faulty(faults{unreadable: true}),
	} {
		noticed := false
		for seed := range 1000 {
			i := genIdentity().Example(seed)
			for _, law := range laws {
				if law.holds(n, i) != nil {
					noticed, convicts[law.name] = true, true
				}
			}
		}
		if !noticed {
			t.Errorf("no law notices: %s", name)
		}
	}
	for seed := range 200 {
		for _, law := range laws {
			if err := law.holds(faulty(faults{}), genIdentity().Example(seed)); err != nil {
				t.Fatalf("the faultless stand-in breaks %q: %v", law.name, err)
			}
		}
	}
	for _, law := range laws {
		if !convicts[law.name] {
			t.Errorf("no planted fault breaks the law %q", law.name)
		}
	}
}

func TestClaimSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		uids := rapid.SliceOfDistinct(rapid.StringMatching(`[a-f0-9-]{1,36}`), rapid.ID[string]).Draw(t, "claims")
		if err := setLaws(ClaimSet, Members, Contains, uids); err != nil {
			t.Fatal(err)
		}
	})
	if Contains("", claimUID) || Contains("abc", claimUID) || len(Members("abcdefghi")) != 1 {
		t.Error("what is no set has members")
	}
	uids := []string{policyUID, claimUID, pointUID}
	for name, set := range map[string]func([]string) string{
		"not sorted":       func(uids []string) string { return ClaimHash(uids[0]) + ClaimHash(uids[1]) + ClaimHash(uids[2]) },
		"one is left out":  func(uids []string) string { return ClaimSet(uids[1:]) },
		"UIDs, not hashes": func(uids []string) string { return strings.Join(uids, "") },
	} {
		shuffled := []string{uids[2], uids[0], uids[1]}
		if setLaws(set, Members, Contains, uids) == nil && setLaws(set, Members, Contains, shuffled) == nil {
			t.Errorf("sets that are faulty (%s) go unnoticed", name)
		}
	}
}

func setLaws(set func([]string) string, members func(string) []string, contains func(string, string) bool, uids []string) error {
	s := set(uids)
	turned := slices.Clone(uids)
	slices.Reverse(turned)
	switch {
	case len(uids) == 0:
		return nil
	case s != set(turned) || s != set(append(turned, uids[0])):
		return errors.New("equal sets are written differently")
	case len(members(s)) != len(uids) || len(s) != len(uids)*memberLength || !slices.IsSorted(members(s)):
		return fmt.Errorf("%d claims, members %q", len(uids), members(s))
	case contains(s, uids[0]+"x"):
		return errors.New("a stranger is in the set")
	}
	for _, uid := range uids {
		if !contains(s, uid) || !slices.Contains(members(s), ClaimHash(uid)) {
			return fmt.Errorf("%s is not in the set", uid)
		}
	}
	return nil
}

func FuzzNames(f *testing.F) {
	f.Add("data", policyUID, claimUID, Stamp(slot), int64(0))
	f.Add("-ü.\x00", "", "", "\xff\xfe", int64(1)<<40)
	f.Fuzz(func(t *testing.T, name, policy, claim, run string, unix int64) {
		for _, got := range ours.all(identity{name: name, policyUID: policy, claimUID: claim, run: run, driver: claim, slot: time.Unix(unix%(200*365*24*3600), 0)}) {
			if !label.MatchString(got) {
				t.Errorf("%q", got)
			}
		}
	})
}
