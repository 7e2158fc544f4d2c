// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// received is a request as a server got it.
type received struct {
	path, query, contentType, user, password, body string
}

// listen serves on loopback, answers with a status, and keeps what it got.
func listen(t *testing.T, status int, answer string) (host string, got func() []received) {
	t.Helper()
	var mu sync.Mutex
	var all []received
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		user, password, _ := r.BasicAuth()
		mu.Lock()
		all = append(all, received{r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type"), user, password, string(body)})
		mu.Unlock()
		w.WriteHeader(status)
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), func() []received {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// mailbox is a mail server that takes one kind of mail: what is authorised with PLAIN, or with nothing when it asks for nothing.
type mailbox struct {
	listener net.Listener
	refuse   string // the answer to AUTH, if it refuses

	mu    sync.Mutex
	said  []string // what clients said, but for the mails
	mails []string
}

func newMailbox(t *testing.T, refuse string) *mailbox {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{listener: l, refuse: refuse}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
	return m
}

func (m *mailbox) address() string { return m.listener.Addr().String() }

func (m *mailbox) serve(c net.Conn) {
	defer c.Close()
	lines := bufio.NewReader(c)
	say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	say("220 mail.test ESMTP")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		m.mu.Lock()
		m.said = append(m.said, line)
		m.mu.Unlock()
		switch word, _, _ := strings.Cut(strings.ToUpper(line), " "); word {
		case "EHLO":
			say("250-mail.test")
			say("250 AUTH PLAIN")
		case "AUTH":
			if m.refuse != "" {
				say(m.refuse)
			} else {
				say("235 welcome")
			}
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if strings.TrimSpace(line) == "." {
					break
				}
				mail.WriteString(line)
			}
			m.mu.Lock()
			m.mails = append(m.mails, mail.String())
			m.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func (m *mailbox) got() (said, mails []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said, m.mails
}
