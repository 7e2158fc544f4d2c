// SPDX-License-Identifier: Apache-2.0

package result

import "testing"

func TestLastProgress(t *testing.T) {
	first, last := ProgressMark+`{"bytes":1,"files":2,"bytesPerSecond":3}`, ProgressMark+`{"bytes":4,"files":5,"bytesPerSecond":6,"totalBytes":7}`
	for name, c := range map[string]struct {
		printed string
		want    Progress
	}{
		"nothing":         {"", Progress{}},
		"something else":  {"it begins\n", Progress{}},
		"one":             {first + "\n", Progress{1, 2, 3, 0}},
		"two":             {first + "\n" + last + "\nit goes on\n", Progress{4, 5, 6, 7}},
		"one that is cut": {first + "\n" + last[:20], Progress{1, 2, 3, 0}},
		"one in a line":   {"I print " + last + "\n", Progress{}},
	} {
		if got := LastProgress([]byte(c.printed)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
