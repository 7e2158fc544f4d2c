// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// NotificationsPath is where the chart mounts the configuration of notifications.
const NotificationsPath = "/etc/lifeboat/notifications.yaml"

// mostNotifiers bounds what a status must remember of each object.
const mostNotifiers = 8

// longestWait bounds both times: who waits longer than that is not told at all.
const longestWait = 24 * time.Hour

// NotifierType says how a notifier is spoken to.
type NotifierType string

const (
	// NotifierAlertmanager is an Alertmanager, by its API v2.
	NotifierAlertmanager NotifierType = "alertmanager"
	// NotifierURL is a service that shoutrrr knows: Slack, mail, a webhook and many more.
	NotifierURL NotifierType = "url"
)

// Notifications say who is told of findings. Without notifiers nobody is.
type Notifications struct {
	// groupWait is for how long a change must have lasted to be told; changes meanwhile go into the same message.
	GroupWait metav1.Duration `json:"groupWait,omitempty"`
	// minInterval is how long after a message there is no other, unless something Critical is to be told.
	MinInterval metav1.Duration `json:"minInterval,omitempty"`
	Notifiers   []Notifier      `json:"notifiers,omitempty"`
}

// Notifier is somebody who is told.
type Notifier struct {
	Name string       `json:"name"`
	Type NotifierType `json:"type"`
	// url is where an Alertmanager is reached; it holds no credentials.
	URL string `json:"url,omitempty"`
	// urlFile is the file that holds the URL, with the credentials in it. It is read for each message, so that a new one is used at once.
	URLFile string `json:"urlFile,omitempty"`
	// severity is the least that is told. When empty it is Medium.
	Severity api.Severity `json:"severity,omitempty"`
	// namespaces are names, or patterns with * and ?, of those whose findings are told. When empty, all.
	Namespaces []string `json:"namespaces,omitempty"`
	// resolved says whether it is told what cleared. When absent it is.
	Resolved *bool `json:"resolved,omitempty"`
}

// ReadNotifications reads a file; without a path there are none.
func ReadNotifications(file string) (Notifications, error) {
	if file == "" {
		return Notifications{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return Notifications{}, fmt.Errorf("--notifications: %w", err)
	}
	n, err := ParseNotifications(text)
	if err != nil {
		return n, fmt.Errorf("--notifications=%s: %w", file, err)
	}
	return n, nil
}

// ParseNotifications refuses what it does not know, and fills in what is left out.
func ParseNotifications(text []byte) (Notifications, error) {
	n := Notifications{GroupWait: metav1.Duration{Duration: 30 * time.Second}, MinInterval: metav1.Duration{Duration: time.Minute}}
	if err := yaml.UnmarshalStrict(text, &n); err != nil {
		return n, fmt.Errorf("it cannot be understood; correct the field, or remove it: %w", err)
	}
	for field, d := range map[string]time.Duration{"groupWait": n.GroupWait.Duration, "minInterval": n.MinInterval.Duration} {
		if d < 0 || d > longestWait {
			return n, fmt.Errorf("%s is %s: must be between 0s and %s", field, d, longestWait)
		}
	}
	if len(n.Notifiers) > mostNotifiers {
		return n, fmt.Errorf("notifiers: there are %d, and at most %d are allowed; give one of them a URL of a service that tells the others", len(n.Notifiers), mostNotifiers)
	}
	taken := map[string]bool{}
	for i := range n.Notifiers {
		one := &n.Notifiers[i]
		if err := one.complete(); err != nil {
			return n, fmt.Errorf("notifiers[%d].%w", i, err)
		}
		if taken[one.Name] {
			return n, fmt.Errorf("notifiers[%d].name: %q is taken by an earlier one; give each its own", i, one.Name)
		}
		taken[one.Name] = true
	}
	return n, nil
}

// notifierName is what a status, a label of metrics and a folder can be named.
var notifierName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)

// complete checks a notifier and fills in what is left out. An error begins with the name of the field.
func (n *Notifier) complete() error {
	if !notifierName.MatchString(n.Name) {
		return fmt.Errorf("name: %q must be at most 40 lower-case letters, digits and dashes, and neither begin nor end with a dash", n.Name)
	}
	switch n.Severity {
	case "":
		n.Severity = api.SeverityMedium
	case api.SeverityCritical, api.SeverityHigh, api.SeverityMedium, api.SeverityLow:
	case api.SeverityPending:
		return fmt.Errorf("severity: what is Pending is told to nobody; choose Critical, High, Medium or Low")
	default:
		return fmt.Errorf("severity: %q must be Critical, High, Medium or Low", n.Severity)
	}
	for _, pattern := range n.Namespaces {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return fmt.Errorf("namespaces: %q must be a name, or a pattern with * and ?", pattern)
		}
	}
	if n.Resolved == nil {
		yes := true
		n.Resolved = &yes
	}
	return n.where()
}

// where checks that a notifier says in one way where it is reached. What may hold credentials is never repeated.
func (n *Notifier) where() error {
	switch n.Type {
	case NotifierAlertmanager:
		if !*n.Resolved {
			return fmt.Errorf("resolved: an Alertmanager must know what has ended; set send_resolved: false at its receiver instead")
		}
		if (n.URL == "") == (n.URLFile == "") {
			return fmt.Errorf("url: exactly one of url and urlFile must be set")
		}
		if n.URL == "" {
			return nil
		}
		u, err := url.Parse(n.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("url: must be such as http://alertmanager.monitoring:9093")
		}
		if u.User != nil || u.RawQuery != "" || strings.Contains(n.URL, "#") {
			return fmt.Errorf("url: must hold no credentials, because everybody can read it; put the URL in a Secret and name that in urlFrom")
		}
		return nil
	case NotifierURL:
		if n.URL != "" {
			return fmt.Errorf("url: may hold credentials, and everybody can read it here; put the URL in a Secret and name that in urlFrom")
		}
		if n.URLFile == "" {
			return fmt.Errorf("urlFile: must be set; in the chart, name a Secret in urlFrom")
		}
		return nil
	}
	return fmt.Errorf("type: %q must be alertmanager or url", n.Type)
}
