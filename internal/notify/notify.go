// SPDX-License-Identifier: Apache-2.0

// Package notify passes messages on: to an Alertmanager, or through shoutrrr to whatever that knows. What may hold credentials is
// read for each message, and no error repeats it.
package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	_ "golang.org/x/crypto/x509roots/fallback" // the image has no authorities of its own; where there are some, those count

	"github.com/lifeboat-dev/lifeboat/internal/config"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
)

// Timeout is how long a message may take.
const Timeout = 30 * time.Second

// Notifier passes a message on. It returns once the message was accepted, or an error that anybody may read.
type Notifier interface {
	Send(ctx context.Context, m tell.Message) error
}

// New makes the notifier that a configuration describes. Nothing is read or reached yet.
func New(n config.Notifier) Notifier {
	out := &guarded{name: n.Name, url: n.URL, file: n.URLFile}
	if n.Type == config.NotifierAlertmanager {
		out.send = postAlerts
	} else {
		out.send = newService().send
	}
	return out
}

// guarded hands the URL to what sends, and takes it out of what comes back.
type guarded struct {
	name, url, file string
	send            func(ctx context.Context, url string, m tell.Message) error
}

// Send implements Notifier.
func (g *guarded) Send(ctx context.Context, m tell.Message) error {
	to, err := g.where()
	if err != nil {
		return fmt.Errorf("notifier %s: %w", g.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if err := g.send(ctx, to, m); err != nil {
		return fmt.Errorf("notifier %s: %s", g.name, scrub(err.Error(), to))
	}
	return nil
}

func (g *guarded) where() (string, error) {
	if g.file == "" {
		return g.url, nil
	}
	text, err := os.ReadFile(g.file)
	if err != nil {
		return "", fmt.Errorf("its URL cannot be read; does the Secret exist, with the key that urlFrom names? %w", err)
	}
	to := strings.TrimSpace(string(text))
	switch {
	case to == "":
		return "", errors.New("its URL is empty; write it under the key that urlFrom names")
	case strings.ContainsAny(to, "\r\n"):
		return "", errors.New("its URL has several lines; the key that urlFrom names must hold one URL and nothing else")
	}
	return to, nil
}
