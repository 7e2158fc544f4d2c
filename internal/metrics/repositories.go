// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// repositories describes Repositories as they are at the scrape.
type repositories struct{ from client.Reader }

var (
	repositoryBytes = ofRepository("lifeboat_repository_bytes",
		"What the repository takes, compressed, encrypted, and each content once, at the last probe; absent until it was opened.")
	repositoryCopies = ofRepository("lifeboat_repository_copies",
		"How many complete copies of volumes the repository holds, of whichever cluster, at the last probe; absent until it was opened.")
	repositoryVerified = ofRepository("lifeboat_repository_last_verified_timestamp_seconds",
		"When every byte of the repository had last been read back, in seconds since 1970; absent until it was.")
	repositoryReachable = ofRepository("lifeboat_repository_reachable",
		"1 while the last probe could open the repository, else 0; absent until one ended.")
	repositoryState = ofRepository("lifeboat_repository_condition",
		"1 for the status that a condition of a Repository has.", "condition", "status")

	ofRepositories = []series{repositoryBytes, repositoryCopies, repositoryVerified, repositoryReachable, repositoryState}
)

func ofRepository(name, help string, labels ...string) series {
	return describe(prometheus.GaugeValue, name, help, append([]string{"namespace", "repository"}, labels...)...)
}

// Describe implements prometheus.Collector.
func (r *repositories) Describe(out chan<- *prometheus.Desc) {
	for _, s := range ofRepositories {
		out <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (r *repositories) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var list api.RepositoryList
	if err := r.from.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		out <- prometheus.NewInvalidMetric(repositoryBytes.desc, err)
		return
	}
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() {
			collectRepository(&list.Items[i], out)
		}
	}
}

func collectRepository(r *api.Repository, out chan<- prometheus.Metric) {
	gauge := func(s series, v float64, labels ...string) {
		out <- s.of(v, append([]string{r.Namespace, r.Name}, labels...)...)
	}
	s := &r.Status
	if s.UniqueID != "" {
		gauge(repositoryBytes, float64(s.Bytes))
		gauge(repositoryCopies, float64(s.Copies))
	}
	if s.LastVerified != nil {
		gauge(repositoryVerified, float64(s.LastVerified.Unix()))
	}
	if c := meta.FindStatusCondition(s.Conditions, api.ConditionReachable); c != nil && c.Status != metav1.ConditionUnknown {
		reachable := 0.0
		if c.Status == metav1.ConditionTrue {
			reachable = 1
		}
		gauge(repositoryReachable, reachable)
	}
	for i := range s.Conditions {
		gauge(repositoryState, 1, s.Conditions[i].Type, string(s.Conditions[i].Status))
	}
}
