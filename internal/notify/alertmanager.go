// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"

	httptransport "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/client"
	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
)

// atATime bounds the alerts of one request.
const atATime = 1000

// postAlerts sends alerts to an Alertmanager. What was accepted of many is sent again with the rest: that does no harm.
func postAlerts(ctx context.Context, to string, m tell.Message) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return errors.New("the URL must be such as http://alertmanager.monitoring:9093, with a user and a password if it asks for them")
	}
	transport := httptransport.NewWithClient(u.Host, path.Join("/", u.Path, client.DefaultBasePath), []string{u.Scheme}, &http.Client{Timeout: Timeout})
	transport.Debug = false // it prints credentials, and a variable of the environment turns it on
	if u.User != nil {
		password, _ := u.User.Password()
		transport.DefaultAuthentication = httptransport.BasicAuth(u.User.Username(), password)
	}
	api := client.New(transport, strfmt.Default)
	for some := range slices.Chunk(m.Alerts, atATime) {
		if _, err := api.Alert.PostAlerts(alert.NewPostAlertsParamsWithContext(ctx).WithTimeout(Timeout).WithAlerts(postable(some))); err != nil {
			return err
		}
	}
	return nil
}

func postable(alerts []tell.Alert) models.PostableAlerts {
	out := make(models.PostableAlerts, 0, len(alerts))
	for _, a := range alerts {
		out = append(out, &models.PostableAlert{
			Alert:       models.Alert{Labels: a.Labels},
			Annotations: a.Annotations,
			StartsAt:    strfmt.DateTime(a.Starts), EndsAt: strfmt.DateTime(a.Ends),
		})
	}
	return out
}
