// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// probe measures a process from outside.
type probe struct {
	pid     int
	address string // of its metrics
	started time.Time
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// resident is its memory at the moment, and at most so far, in bytes.
func (p probe) resident() (now, peak float64, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(words[1], 64)
		switch words[0] {
		case "VmRSS:":
			now = kib * 1024
		case "VmHWM:":
			peak = kib * 1024
		}
	}
	return now, peak, nil
}

// ticks is how many of the kernel's clock ticks make a second in /proc, on all of Linux' architectures in use.
const ticks = 100

// cpu is the processor time it has used, in seconds.
func (p probe) cpu() (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(raw), ") ") // the name may hold anything
	words := strings.Fields(after)
	user, err := strconv.ParseFloat(words[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(words[12], 64)
	return (user + system) / ticks, err
}

// metrics are the process's own, added up over all labels but those that are kept in the key.
func (p probe) metrics() (map[string]float64, error) {
	answer, err := http.Get("http://" + p.address + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return parseMetrics(answer.Body)
}

func parseMetrics(text io.Reader) (map[string]float64, error) {
	out := map[string]float64{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err == nil {
			out[line[:at]] += v
		}
	}
	return out, lines.Err()
}

// requests counts what the process has asked of the API server, by HTTP method.
func (p probe) requests() (map[string]float64, error) {
	all, err := p.metrics()
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for name, v := range all {
		if !strings.HasPrefix(name, "rest_client_requests_total{") {
			continue
		}
		out[label(name, "method")] += v
	}
	return out, nil
}

// written counts the API server's answers to the writes that only the operator makes, by verb and resource: the storage
// system of the benchmark creates contents and updates, but never patches.
func (b *bench) written(ctx context.Context) (map[string]float64, error) {
	raw, err := b.raw.Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	all, err := parseMetrics(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for name, v := range all {
		if !strings.HasPrefix(name, "apiserver_request_total{") {
			continue
		}
		verb, resource := label(name, "verb"), label(name, "resource")
		if sub := label(name, "subresource"); sub != "" {
			resource += "/" + sub
		}
		switch {
		case verb == "PATCH" || verb == "DELETE" || verb == "APPLY",
			verb == "POST" && (resource == "volumesnapshots" || resource == "events" || resource == "volumegroupsnapshots"):
			out[verb+" "+resource] += v
		}
	}
	return out, nil
}

func label(series, name string) string {
	for _, before := range []string{"{", ","} {
		if _, rest, found := strings.Cut(series, before+name+`="`); found {
			value, _, _ := strings.Cut(rest, `"`)
			return value
		}
	}
	return ""
}

// sum adds up the series of a metric that have a label.
func sum(all map[string]float64, name, label string) float64 {
	total := 0.0
	for n, v := range all {
		if strings.HasPrefix(n, name+"{") && strings.Contains(n, label) {
			total += v
		}
	}
	return total
}

func writes(requests map[string]float64) float64 {
	return requests["POST"] + requests["PUT"] + requests["PATCH"] + requests["DELETE"]
}

func total(requests map[string]float64) float64 { return writes(requests) + requests["GET"] }

func minus(after, before map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for k, v := range after {
		if v != before[k] {
			out[k] = v - before[k]
		}
	}
	return out
}
