// SPDX-License-Identifier: Apache-2.0

// Command dashboard writes the chart's Grafana board. It is a module of its own, so that the operator links none of it.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "dashboard: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: dashboard FILE   write the board into a file")
	}
	text, err := render()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644)
}

// render is the board as Grafana reads it.
func render() ([]byte, error) {
	b, err := board().Build()
	if err != nil {
		return nil, err
	}
	for n := range b.Panels { // Grafana would choose others at each load
		id := uint32(n + 1)
		if p := b.Panels[n].Panel; p != nil {
			p.Id = &id
		} else {
			b.Panels[n].RowPanel.Id = id
		}
	}
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

// board shows the fleet first, by what is not as promised, and then one policy of it.
//
//nolint:staticcheck // dashboardv2 writes what only Grafana 12 and newer read, and no sidecar yet
func board() *dashboard.DashboardBuilder {
	b := dashboard.NewDashboardBuilder("Lifeboat").
		Uid("lifeboat").
		Description("What is promised for the data of stateful services, and what of it is kept and proven.").
		Tags([]string{"lifeboat", "backup"}).
		Time("now-7d", "now").
		Refresh("1m").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Readonly()
	for _, v := range variables() {
		b.WithVariable(v)
	}
	b.WithRow(dashboard.NewRowBuilder("Fleet"))
	for _, p := range fleet() {
		b.WithPanel(p)
	}
	b.WithRow(dashboard.NewRowBuilder("Policy $namespace/$policy"))
	for _, p := range onePolicy() {
		b.WithPanel(p)
	}
	return b
}
