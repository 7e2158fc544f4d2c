// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

type panel = cog.Builder[dashboard.Panel]

// Colours mean the same in each panel.
const (
	good    = "green"
	worse   = "yellow"
	bad     = "orange"
	worst   = "red"
	neutral = "blue"
)

var source = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// variables choose where the numbers come from, and the policy of the second part.
func variables() []cog.Builder[dashboard.VariableModel] {
	query := func(name, label, text string) cog.Builder[dashboard.VariableModel] {
		return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(source).
			Query(dashboard.StringOrMap{String: cog.ToPtr(text)}).Definition(text).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc)
	}
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus"),
		query("namespace", "Namespace", "label_values(lifeboat_policy_created_timestamp_seconds, namespace)"),
		query("policy", "Policy", `label_values(lifeboat_policy_created_timestamp_seconds{namespace="$namespace"}, policy)`),
	}
}

// line is a query over time, and what its series are called.
type line struct{ expr, legend string }

func (l line) query(n int) cog.Builder[variants.Dataquery] {
	return prometheus.NewDataqueryBuilder().Datasource(source).RefId(string(rune('A' + n))).Expr(l.expr).LegendFormat(l.legend).Range()
}

// instant asks for the values of now, as rows of a table.
func instant(n int, expr string) cog.Builder[variants.Dataquery] {
	return prometheus.NewDataqueryBuilder().Datasource(source).RefId(string(rune('A' + n))).Expr(expr).Format(prometheus.PromQueryFormatTable).Instant()
}

// step is a colour from a value on; the first one's value is ignored.
type step struct {
	from  float64
	color string
}

func thresholds(steps []step) *dashboard.ThresholdsConfigBuilder {
	var list []dashboard.Threshold
	for n, s := range steps {
		one := dashboard.Threshold{Color: s.color}
		if n > 0 {
			one.Value = cog.ToPtr(s.from)
		}
		list = append(list, one)
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(list)
}

// number shows one value of now, on the colour of its threshold.
func number(title, description, unit, expr string, width uint32, steps ...step) *stat.PanelBuilder {
	return stat.NewPanelBuilder().Title(title).Description(description).Datasource(source).Unit(unit).Span(width).Height(4).
		WithTarget(prometheus.NewDataqueryBuilder().Datasource(source).RefId("A").Expr(expr).Instant()).
		Thresholds(thresholds(steps)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		ColorMode(common.BigValueColorModeBackground).GraphMode(common.BigValueGraphModeNone).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		NoValue("–")
}

// graph shows lines over time. What is called objective is drawn as a limit.
func graph(title, description, unit string, width uint32, lines ...line) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().Title(title).Description(description).Datasource(source).Unit(unit).Min(0).Span(width).Height(8).
		LineInterpolation(common.LineInterpolationStepAfter).FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti)).
		OverrideByName(objective, []dashboard.DynamicConfigValue{
			{Id: "color", Value: map[string]any{"mode": "fixed", "fixedColor": worst}},
			{Id: "custom.fillOpacity", Value: 0},
			{Id: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{8, 8}}},
		})
	for n, l := range lines {
		p.WithTarget(l.query(n))
	}
	return p
}

const objective = "objective"

// stacked lays areas upon each other, in given colours.
func stacked(p *timeseries.PanelBuilder, colors map[string]string, order ...string) *timeseries.PanelBuilder {
	p.Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal)).FillOpacity(50)
	for _, name := range order {
		p.OverrideByName(name, []dashboard.DynamicConfigValue{{Id: "color", Value: map[string]any{"mode": "fixed", "fixedColor": colors[name]}}})
	}
	return p
}

// column is a query of a table, and how its values look.
type column struct {
	title, expr, unit string
	words             []word
}

// word stands for a value.
type word struct {
	value       int
	text, color string
}

// rows is a table of one column for each query, joined by the labels they share. Labels are columns too, in the order given.
func rows(title, description string, width, height uint32, labels []string, columns ...column) *table.PanelBuilder {
	p := table.NewPanelBuilder().Title(title).Description(description).Datasource(source).Span(width).Height(height).Filterable(true)
	order, names := map[string]int{}, map[string]string{}
	for n, l := range labels {
		order[l] = n
	}
	for n, c := range columns {
		value := fmt.Sprintf("Value #%c", 'A'+n)
		if len(columns) == 1 {
			value = "Value"
		}
		p.WithTarget(instant(n, c.expr))
		order[value], names[value] = len(labels)+n, c.title
		p.OverrideByName(c.title, look(c))
	}
	return p.
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true}, "indexByName": order, "renameByName": names}})
}

func look(c column) []dashboard.DynamicConfigValue {
	out := []dashboard.DynamicConfigValue{{Id: "unit", Value: c.unit}}
	if c.unit == units.Seconds {
		out = append(out, dashboard.DynamicConfigValue{Id: "decimals", Value: 0})
	}
	if len(c.words) == 0 {
		return out
	}
	options := map[string]any{}
	for n, w := range c.words {
		options[fmt.Sprint(w.value)] = map[string]any{"text": w.text, "color": w.color, "index": n}
	}
	return append(out,
		dashboard.DynamicConfigValue{Id: "mappings", Value: []any{map[string]any{"type": "value", "options": options}}},
		dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: map[string]any{"type": "color-background", "mode": "basic"}})
}
