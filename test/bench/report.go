// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"
)

// row is one figure.
type row struct {
	ID      string  `json:"id"`
	What    string  `json:"what"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit,omitempty"`
	Floor   float64 `json:"floor,omitempty"`   // of the same run; 0 when there is none
	Ratio   float64 `json:"ratio,omitempty"`   // of the value to the floor
	Goal    float64 `json:"goal,omitempty"`    // the ratio is at most this
	Most    float64 `json:"most,omitempty"`    // the value is at most this
	Bounded bool    `json:"bounded,omitempty"` // Most holds though it is 0
	Verdict string  `json:"verdict,omitempty"` // met or missed; empty when nothing is promised
}

// report is all that a run has found.
type report struct {
	At      time.Time `json:"at"`
	Machine string    `json:"machine"`
	Version string    `json:"version"`
	Rows    []row     `json:"rows"`

	Writes []writesOfPoint `json:"writes"`
}

// writesOfPoint are the operator's writes for one point, by verb and resource.
type writesOfPoint struct {
	Claims int                `json:"claims"`
	Writes map[string]float64 `json:"writes"`
}

func newReport() report {
	r := report{At: time.Now().UTC(), Machine: fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())}
	if info, ok := debug.ReadBuildInfo(); ok {
		r.Version = info.Main.Version
	}
	return r
}

func (r *report) add(x row) {
	if x.Floor > 0 {
		x.Ratio = x.Value / x.Floor
	}
	var met bool
	switch {
	case x.Goal > 0:
		met = x.Ratio <= x.Goal
	case x.Most > 0 || x.Bounded:
		met = x.Value <= x.Most
	default:
		r.Rows = append(r.Rows, x)
		return
	}
	x.Verdict = "missed"
	if met {
		x.Verdict = "met"
	}
	r.Rows = append(r.Rows, x)
}

// growth fits value = c · size^e and reports e: 1 is linear.
func (r *report) growth(what string, size, value []float64) {
	if len(size) < 2 {
		return
	}
	var mx, my, xy, xx float64
	for i := range size {
		mx += math.Log(size[i]) / float64(len(size))
		my += math.Log(value[i]) / float64(len(size))
	}
	for i := range size {
		dx := math.Log(size[i]) - mx
		xy += dx * (math.Log(value[i]) - my)
		xx += dx * dx
	}
	r.add(row{ID: "P11", What: "growth exponent of " + what, Value: xy / xx, Most: 1.1})
}

// finish prints the table and writes the JSON.
func (r *report) finish(folder string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\twhat\tmeasured\tfloor\tratio\tgoal\t")
	for _, x := range r.Rows {
		floor, ratio, goal := "", "", ""
		if x.Floor > 0 {
			floor, ratio = fmt.Sprintf("%.4g %s", x.Floor, x.Unit), fmt.Sprintf("%.2f", x.Ratio)
		}
		switch {
		case x.Goal > 0:
			goal = fmt.Sprintf("ratio ≤ %g: %s", x.Goal, x.Verdict)
		case x.Verdict != "":
			goal = fmt.Sprintf("≤ %g %s: %s", x.Most, x.Unit, x.Verdict)
		}
		fmt.Fprintf(w, "%s\t%s\t%.4g %s\t%s\t%s\t%s\t\n", x.ID, x.What, x.Value, x.Unit, floor, ratio, goal)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, r.At.Format("20060102-150405")+".json")
	fmt.Println("\n" + r.Machine + "; written to " + path)
	return os.WriteFile(path, raw, 0o644)
}
