// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

var call = Call{Name: "snapshot-77", Volumes: []string{"pvc-1", "pvc-2"}}

func with(t *testing.T, name, content string) *Switches {
	t.Helper()
	switches, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	turnOn(t, switches, name, content)
	return switches
}

func turnOn(t *testing.T, s *Switches, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func turnOff(t *testing.T, s *Switches, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestNoSwitchNoFault(t *testing.T) {
	switches, err := Open(filepath.Join(t.TempDir(), "made"))
	if err != nil {
		t.Fatal(err)
	}
	delay, err := switches.Delay(call)
	if switches.Stopped() || switches.Refusal(call) != nil || delay != 0 || err != nil || !switches.Ready(call) {
		t.Error("a fault without a switch")
	}
}

func TestStop(t *testing.T) {
	switches := with(t, Stop, "")
	if !switches.Stopped() {
		t.Error("not stopped")
	}
	turnOff(t, switches, Stop)
	if switches.Stopped() {
		t.Error("still stopped")
	}
}

func TestFailLimits(t *testing.T) {
	for content, fails := range map[string]bool{
		"": true, "\n": true, "pvc-2": true, "snapshot-77": true, "pvc-9\npvc-1\n": true, "pvc-9": false, "snapshot-78": false,
	} {
		if err := with(t, Fail, content).Refusal(call); (err != nil) != fails {
			t.Errorf("with %q: %v, want failure %t", content, err, fails)
		}
	}
}

func TestErrorThenReady(t *testing.T) {
	switches := with(t, ErrorThenReady, "2 pvc")
	other := Call{Name: "snapshot-78", Volumes: call.Volumes}
	for i, each := range []struct {
		call  Call
		fails bool
	}{{call, true}, {other, true}, {call, true}, {call, false}, {other, true}, {other, false}, {Call{Name: "unlimited"}, false}} {
		if err := switches.Refusal(each.call); (err != nil) != each.fails {
			t.Errorf("call %d of %s: %v, want failure %t", i, each.call.Name, err, each.fails)
		}
	}
	turnOff(t, switches, ErrorThenReady)
	if err := switches.Refusal(call); err != nil {
		t.Error(err)
	}
	turnOn(t, switches, ErrorThenReady, "1")
	if switches.Refusal(call) == nil {
		t.Error("turning the switch off and on did not start the count anew")
	}
}

func TestSlow(t *testing.T) {
	for content, want := range map[string]time.Duration{"5s": 5 * time.Second, "250ms pvc-1": 250 * time.Millisecond, "5s pvc-9": 0} {
		if got, err := with(t, Slow, content).Delay(call); err != nil || got != want {
			t.Errorf("with %q: %s, %v, want %s", content, got, err, want)
		}
	}
}

func TestClock(t *testing.T) {
	for content, want := range map[string]time.Duration{"10m": 10 * time.Minute, "-1h pvc-1": -time.Hour, "10m pvc-9": 0} {
		if got, err := with(t, Clock, content).Skew(call); err != nil || got != want {
			t.Errorf("with %q: %s, %v, want %s", content, got, err, want)
		}
	}
}

func TestNeverReady(t *testing.T) {
	for content, ready := range map[string]bool{"": false, "pvc-1": false, "pvc-9": true} {
		if got := with(t, NeverReady, content).Ready(call); got != ready {
			t.Errorf("with %q: ready %t, want %t", content, got, ready)
		}
	}
}

func TestMalformedSwitchesAreErrors(t *testing.T) {
	for _, content := range []string{"", "soon", "5 pvc"} {
		if _, err := with(t, Slow, content).Delay(call); err == nil {
			t.Errorf("slow with %q is accepted", content)
		}
	}
	for _, content := range []string{"", "often", "-1"} {
		if with(t, ErrorThenReady, content).Refusal(call) == nil {
			t.Errorf("error-then-ready with %q is accepted", content)
		}
	}
}

func TestOrdersAreTakenOnce(t *testing.T) {
	switches := with(t, FlipByte, "snapshot-1\n\nsnapshot-2 some dir/a file\n")
	want := []Order{{Snapshot: "snapshot-1"}, {Snapshot: "snapshot-2", Path: "some dir/a file"}}
	if got, err := switches.Take(FlipByte); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("took %v, %v, want %v", got, err, want)
	}
	if got, err := switches.Take(FlipByte); err != nil || len(got) != 0 {
		t.Errorf("took %v, %v a second time", got, err)
	}
	if err := switches.Report(FlipByte, []string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join(switches.dir, FlipByte+".done"))
	if err != nil || string(report) != "one\ntwo\n" {
		t.Errorf("report %q, %v", report, err)
	}
}

func TestAnOrderBeingWrittenIsLeftAlone(t *testing.T) {
	switches := with(t, LoseSnapshot, "")
	if got, err := switches.Take(LoseSnapshot); err != nil || len(got) != 0 {
		t.Errorf("took %v, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(switches.dir, LoseSnapshot)); err != nil {
		t.Error("the file that is being written was removed")
	}
}
