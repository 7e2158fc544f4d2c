// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Sample is one element of an answer.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Alert is an alert as Prometheus or Alertmanager knows it.
type Alert struct {
	Labels, Annotations map[string]string
	// State is pending or firing in Prometheus, and active, suppressed or unprocessed in Alertmanager.
	State string
	// Since is since when it is active.
	Since time.Time
}

// Name is the alert's name.
func (a Alert) Name() string { return a.Labels["alertname"] }

// Query evaluates an expression now. An expression without a series answers nothing, and is no error.
func (s *Stack) Query(expr string) ([]Sample, error) {
	var data struct {
		ResultType string
		Result     json.RawMessage
	}
	if err := s.prometheus("/api/v1/query?query="+url.QueryEscape(expr), &data); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	if data.ResultType != "vector" {
		return nil, fmt.Errorf("%s: the answer is a %s, not a vector", expr, data.ResultType)
	}
	var list []struct {
		Metric map[string]string
		Value  [2]any
	}
	if err := json.Unmarshal(data.Result, &list); err != nil {
		return nil, err
	}
	var out []Sample
	for _, one := range list {
		text, ok := one.Value[1].(string)
		if !ok {
			return nil, fmt.Errorf("%s: value %v is not text", expr, one.Value[1])
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, Sample{one.Metric, value})
	}
	return out, nil
}

// Alerts are those that Prometheus holds pending or firing.
func (s *Stack) Alerts() ([]Alert, error) {
	var data struct {
		Alerts []struct {
			Labels, Annotations map[string]string
			State               string
			ActiveAt            time.Time
		}
	}
	if err := s.prometheus("/api/v1/alerts", &data); err != nil {
		return nil, err
	}
	var out []Alert
	for _, a := range data.Alerts {
		out = append(out, Alert{a.Labels, a.Annotations, a.State, a.ActiveAt})
	}
	return out, nil
}

// AlertmanagerAlerts are those that Alertmanager was told of, and that have not ended.
func (s *Stack) AlertmanagerAlerts() ([]Alert, error) {
	if s.Alertmanager == "" {
		return nil, errors.New("no Alertmanager was asked for")
	}
	var list []struct {
		Labels, Annotations map[string]string
		Status              struct{ State string }
		StartsAt            time.Time
	}
	if err := get(s.Alertmanager+"/api/v2/alerts", &list); err != nil {
		return nil, err
	}
	var out []Alert
	for _, a := range list {
		out = append(out, Alert{a.Labels, a.Annotations, a.Status.State, a.StartsAt})
	}
	return out, nil
}

// Eventually asks again and again until something is so. What an asking fails with last is told when time is up.
func (s *Stack) Eventually(what string, within time.Duration, is func() (bool, error)) {
	s.t.Helper()
	var last error
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var so bool
		if so, last = is(); so && last == nil {
			return
		}
	}
	alerts, err := s.Alerts()
	s.t.Fatalf("not within %s: %s\nthe last error: %v\nalerts: %+v %v", within, what, last, alerts, err)
}

// prometheus unwraps what Prometheus puts around each answer.
func (s *Stack) prometheus(path string, into any) error {
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := get(s.Prometheus+path, &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// get decodes an answer; also one that tells of a mistake, which is JSON too.
func get(from string, into any) error {
	answer, err := http.Get(from)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %s: %w", answer.Status, text, err)
	}
	return nil
}
