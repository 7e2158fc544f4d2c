// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/lifeboat-dev/lifeboat/internal/config"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
)

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	message = tell.Message{Title: "Lifeboat: High DrillFailed in shop/orders", Text: "High DrillFailed\n- shop/orders: 100% of it\n.\nend", Alerts: []tell.Alert{{
		Labels: map[string]string{"alertname": "DrillFailed", "namespace": "shop"}, Annotations: map[string]string{"summary": "s"},
		Starts: noon, Ends: noon.Add(5 * time.Minute),
	}}}
)

// to makes a notifier with a URL in a file, as the chart mounts it.
func to(t *testing.T, kind config.NotifierType, url string) Notifier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return New(config.Notifier{Name: "chat", Type: kind, URLFile: file})
}

func TestWebhook(t *testing.T) {
	host, got := listen(t, http.StatusOK, "")
	// The rest of the query is the receiver's own, as the signature of a workflow is.
	url := "generic://" + host + "/hook?disabletls=yes&template=json&api-version=1&sig=s3cret"
	if err := to(t, config.NotifierURL, url).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if len(got()) != 1 {
		t.Fatalf("got %+v", got())
	}
	r := got()[0]
	var body map[string]string
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatal(err)
	}
	if r.path != "/hook" || r.query != "api-version=1&sig=s3cret" || r.contentType != "application/json" || body["title"] != message.Title || body["message"] != message.Text {
		t.Errorf("got %+v", r)
	}
}

// TestServices sends through the services of the library that can be pointed at a server of one's own. Those of Slack and Teams
// cannot: their hosts are part of the library. Mattermost and Rocket.Chat take what Slack takes.
func TestServices(t *testing.T) {
	for scheme, want := range map[string]string{
		"mattermost://bot@HOST/t0k3n?disabletls=yes":   "DrillFailed",
		"ntfy://HOST/topic?scheme=http":                "DrillFailed",
		"gotify://HOST/AtEvEnTwElVeXxY?disabletls=yes": "DrillFailed",
	} {
		host, got := listen(t, http.StatusOK, "{}")
		if err := to(t, config.NotifierURL, strings.ReplaceAll(scheme, "HOST", host)).Send(t.Context(), message); err != nil {
			t.Errorf("%s: %v", scheme, err)
			continue
		}
		if len(got()) != 1 || !strings.Contains(got()[0].body, want) {
			t.Errorf("%s: got %+v", scheme, got())
		}
	}
}

// TestServiceWithoutTitle shows that nothing is lost where a service knows no title.
func TestServiceWithoutTitle(t *testing.T) {
	host, got := listen(t, http.StatusOK, "{}")
	if err := to(t, config.NotifierURL, "signal://"+host+"/+15550001/+15550002?disabletls=yes").Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if r := got()[0]; !strings.Contains(r.body, message.Title) || !strings.Contains(r.body, "100% of it") {
		t.Errorf("got %+v", r)
	}
}

func TestMail(t *testing.T) {
	box := newMailbox(t, "")
	url := "smtp://operator:p4ss%2Fword@" + box.address() + "/?from=lifeboat@example.org&to=ops@example.org,dba@example.org&encryption=None&usestarttls=no"
	if err := to(t, config.NotifierURL, url).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	said, mails := box.got()
	if len(mails) != 2 {
		t.Fatalf("%d mails; the server was told %q", len(mails), said)
	}
	if want := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00operator\x00p4ss/word")); !contains(said, want) {
		t.Errorf("the server was told %q", said)
	}
	for _, want := range []string{"Subject: " + message.Title + "\r\n", "<lifeboat@example.org>", "- shop/orders: 100% of it\r\n", "..\r\nend"} {
		if !strings.Contains(mails[0], want) {
			t.Errorf("%q is missing in:\n%s", want, mails[0])
		}
	}
}

func contains(all []string, want string) bool {
	for _, s := range all {
		if s == want {
			return true
		}
	}
	return false
}

// TestAlertmanager has the official client's own models judge what is posted.
func TestAlertmanager(t *testing.T) {
	host, got := listen(t, http.StatusOK, "")
	many := message
	many.Alerts = nil
	for range atATime + 1 {
		many.Alerts = append(many.Alerts, message.Alerts[0])
	}
	if err := to(t, config.NotifierAlertmanager, "http://me:s3cret@"+host+"/prefix/").Send(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if len(got()) != 2 {
		t.Fatalf("%d requests, want 2", len(got()))
	}
	r := got()[0]
	if r.path != "/prefix/api/v2/alerts" || r.user != "me" || r.password != "s3cret" || r.contentType != "application/json" {
		t.Errorf("got %+v", r)
	}
	var alerts models.PostableAlerts
	if err := json.Unmarshal([]byte(r.body), &alerts); err != nil {
		t.Fatal(err)
	}
	if err := alerts.Validate(strfmt.Default); err != nil {
		t.Error(err)
	}
	a := alerts[0]
	if len(alerts) != atATime || a.Labels["alertname"] != "DrillFailed" || !time.Time(a.StartsAt).Equal(noon) || !time.Time(a.EndsAt).Equal(noon.Add(5*time.Minute)) || a.Annotations["summary"] != "s" {
		t.Errorf("got %d, the first %+v", len(alerts), a)
	}
	// Without credentials its URL may stand in the configuration.
	if err := New(config.Notifier{Name: "am", Type: config.NotifierAlertmanager, URL: "http://" + host}).Send(t.Context(), message); err != nil {
		t.Error(err)
	}
	if last := got()[len(got())-1]; last.path != "/api/v2/alerts" || last.user != "" {
		t.Errorf("got %+v", last)
	}
}

// TestURLIsReadAnew shows that a new Secret is used without a restart.
func TestURLIsReadAnew(t *testing.T) {
	first, gotFirst := listen(t, http.StatusOK, "")
	second, gotSecond := listen(t, http.StatusOK, "")
	file := filepath.Join(t.TempDir(), "url")
	n := New(config.Notifier{Name: "chat", Type: config.NotifierURL, URLFile: file})
	for _, host := range []string{first, second} {
		if err := os.WriteFile(file, []byte("generic://"+host+"/?disabletls=yes"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := n.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
	if len(gotFirst()) != 1 || len(gotSecond()) != 1 {
		t.Errorf("the first got %d, the second %d", len(gotFirst()), len(gotSecond()))
	}
}

// TestFailures also plants a secret in each place of each URL: no error may repeat it.
func TestFailures(t *testing.T) {
	const secret = "s3cretT0kenOf24Lettersxx"
	angry, _ := listen(t, http.StatusForbidden, "the token "+secret+" is not valid")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	leaks := 0
	box := newMailbox(t, "535 5.7.8 "+secret+": go away")
	for url, want := range map[string]string{
		"generic://" + angry + "/" + secret + "?disabletls=yes":                                          "403",
		"generic+http://" + angry + "/x/" + secret + "/y?token=" + secret:                                "403",
		"generic://user:" + secret + "@" + closed + "/?disabletls=yes":                                   "connection refused",
		"generic://" + closed + "/?disabletls=yes&@authorization=Bearer+" + secret:                       "connection refused",
		"mattermost://bot@" + angry + "/" + secret + "?disabletls=yes":                                   "403",
		"gotify://" + angry + "/" + secret + "?disabletls=yes":                                           "",
		"smtp://operator:" + secret + "@" + box.address() + "/?from=a@x.test&to=b@x.test&usestarttls=no": "535",
		"smtp://" + secret + ":pw@" + closed + "/?from=a@x.test&to=b@x.test":                             "connection refused",
		"slack://hook:T00000000-B00000000-" + secret + "@webhook?color=":                                 "",
		"teams://" + secret + "@" + secret + "/a/b/c?host=x":                                             "",
		"telegram://" + secret + "@telegram?chats=x":                                                     "",
		"discord://" + secret + "@" + secret:                                                             "",
		"pushover://shoutrrr:" + secret + "@" + secret + "/?devices=x&priority=" + secret:                "",
		"nonsense://" + secret:   "unknown service",
		"logger://" + secret:     "tells nobody",
		"generic://%zz" + secret: "failed to parse URL",
		secret:                   "unknown service",
	} {
		if strings.HasPrefix(url, "slack") || strings.HasPrefix(url, "telegram") || strings.HasPrefix(url, "discord") || strings.HasPrefix(url, "pushover") {
			// These reach for the Internet, and a test may not: what the library says of the URL itself is enough.
			url += "&nosuchoption=" + secret
			if !strings.Contains(url, "?") {
				url = strings.Replace(url, "&", "?", 1)
			}
		}
		err := to(t, config.NotifierURL, url).Send(t.Context(), message)
		if raw := deliver(url, message); raw != nil && strings.Contains(raw.Error(), secret) {
			leaks++
		}
		switch {
		case err == nil:
			t.Errorf("%s: accepted", url)
		case strings.Contains(strings.ToLower(err.Error()), strings.ToLower(secret)), strings.Contains(err.Error(), "://"):
			t.Errorf("%s: the error repeats it: %v", url, err)
		case !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "notifier chat: "):
			t.Errorf("%s: %v; want %q", url, err, want)
		}
	}
	if leaks < 3 {
		t.Errorf("the library's own errors repeat the secret %d times: this test shows nothing any more", leaks)
	}
	for url, want := range map[string]string{
		"http://me:" + secret + "@" + angry:              "403",
		"http://me:" + secret + "@" + closed:             "connection refused",
		"http://" + angry + "/?token=" + secret:          "must be such as",
		"alertmanager:" + secret:                         "must be such as",
		"http://" + closed + "/" + secret + "/" + secret: "connection refused",
	} {
		err := to(t, config.NotifierAlertmanager, url).Send(t.Context(), message)
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", url, err, want)
		}
	}
}

// TestUnreadableURL shows that who is to mend it is told which notifier it is and what to look at.
func TestUnreadableURL(t *testing.T) {
	dir := t.TempDir()
	empty, lines := filepath.Join(dir, "empty"), filepath.Join(dir, "lines")
	for file, text := range map[string]string{empty: " \n", lines: "smtp://a:s3cret@b/\nsmtp://c:s3cret@d/"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{filepath.Join(dir, "none"): "does the Secret exist", empty: "is empty", lines: "several lines"} {
		err := New(config.Notifier{Name: "chat", Type: config.NotifierURL, URLFile: file}).Send(t.Context(), message)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "notifier chat: ") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestHangingServices shows that one which never answers is given up, and that not many hang at a time.
func TestHangingServices(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // it accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	n := to(t, config.NotifierURL, "smtp://"+l.Addr().String()+"/?from=a@x.test&to=b@x.test")
	for i := range mostHanging + 1 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := n.Send(ctx, message)
		cancel()
		want := "not accepted in time"
		if i == mostHanging {
			want = "still on their way"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("attempt %d: %v; want %q", i+1, err, want)
		}
	}
	if err := l.Close(); err != nil { // which ends them all
		t.Fatal(err)
	}
}

func TestScrub(t *testing.T) {
	for _, tc := range []struct{ text, used, want string }{
		{`Post "https://hooks.slack.com/services/T1234/B5678/abcdefgh": dial tcp: lookup hooks.slack.com: no such host`, "slack://hook:T1234-B5678-abcdefgh@webhook",
			`Post "***": dial tcp: lookup ***s.slack.com: no such host`},
		{"dial tcp: lookup smtp.example.org: no such host", "smtp://me:secret@smtp.example.org:587/?from=a@b.c", "dial tcp: lookup smtp.example.org: no such host"},
		{"lookup alertmanager: no such host", "http://alertmanager:9093", "lookup alertmanager: no such host"},
		{"bad token ABCDEFGH of 12345", "discord://abcdefgh@12345", "bad token *** of ***"},
		{"bad token abc+def", "gotify://x.test/abc%2Bdef", "bad token ***"},
		{"bad token abc\x80defgh, or abc%80defgh", "gotify://x.test/abc%80defgh", "bad token abc\x80***, or ***"},
		{"two\n  lines", "", "two lines"},
		{strings.Repeat("x", 400), "", strings.Repeat("x", mostError-3) + "..."},
	} {
		if got := scrub(tc.text, tc.used); got != tc.want {
			t.Errorf("%q with %q: %q, want %q", tc.text, tc.used, got, tc.want)
		}
	}
}
