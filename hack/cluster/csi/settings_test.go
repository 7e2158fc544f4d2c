// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	set, err := parse(strings.Fields("--driver-name d --endpoint unix:///run/csi.sock --node-id n --root /r --fault-dir /f --kubelet-registration-dir /k"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := settings{driver: "d", socket: "/run/csi.sock", node: "n", root: "/r", faults: "/f", registration: "/k"}
	if set != want {
		t.Errorf("%+v, want %+v", set, want)
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"":                              "--node-id is missing",
		"--endpoint tcp://0.0.0.0:9000": "use unix:///path/csi.sock",
	} {
		if _, err := parse(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}
