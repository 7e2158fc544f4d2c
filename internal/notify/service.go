// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/nicholas-fedor/shoutrrr/pkg/format"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
)

// mostHanging is how many attempts may hang at a time. They cannot be ended from here: the library takes no context.
const mostHanging = 8

// service sends through shoutrrr.
type service struct{ under chan struct{} } // the attempts under way

// boundDefault gives a time limit to the client that the library uses for most services, and which has none.
var boundDefault = sync.OnceFunc(func() { http.DefaultClient.Timeout = Timeout })

func newService() *service {
	boundDefault()
	return &service{under: make(chan struct{}, mostHanging)}
}

func (s *service) send(ctx context.Context, to string, m tell.Message) error {
	select {
	case s.under <- struct{}{}:
	default:
		return fmt.Errorf("%d earlier messages are still on their way; is what should take them there, and not only its address?", mostHanging)
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("the library failed: %v", r)
			}
			<-s.under
		}()
		done <- deliver(to, m)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("it was not accepted in time: %w", ctx.Err())
	}
}

// deliver says the title apart from the text where the service knows one.
func deliver(to string, m tell.Message) error {
	if scheme, _, _ := strings.Cut(to, ":"); strings.EqualFold(scheme, "logger") {
		return errors.New("logger tells nobody anything; choose another service")
	}
	found, err := new(router.ServiceRouter).Locate(to)
	if err != nil {
		return fmt.Errorf("the URL is not one of a service: %w", err)
	}
	params, text := types.Params{}, m.Title+"\n\n"+m.Text
	knows := format.NewPropKeyResolver(format.GetServiceConfig(found))
	if _, err := knows.Get("title"); err == nil {
		params.SetTitle(m.Title)
		text = m.Text
	}
	return found.Send(text, &params)
}
