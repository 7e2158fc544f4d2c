// SPDX-License-Identifier: Apache-2.0

// Command chart keeps charts/lifeboat and config equal: it derives the chart's
// copies of generated files, compares what both install, and follows what the chart tells Prometheus and Grafana.
package main

import (
	"errors"
	"fmt"
	"os"
)

const usage = `usage: chart generate                    derive the chart's definitions and role from config, and config's alerts and dashboard from the chart
       chart compare HELM.yaml KUSTOMIZE.yaml   fail when the two renderings install different objects
       chart monitoring ALL.yaml FILES          fail when a rendering with all switches on does not say what the chart's files say,
                                                or Prometheus could not scrape the manager
       chart notifications HELM.yaml            fail when the manager could not read the notifications that are rendered`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "chart: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "generate":
		return generate(".")
	case len(args) == 3 && args[0] == "compare":
		return compareFiles(args[1], args[2])
	case len(args) == 2 && args[0] == "notifications":
		return checkNotifications(args[1])
	case len(args) == 3 && args[0] == "monitoring":
		return checkMonitoring(args[1], args[2])
	}
	return errors.New(usage)
}
