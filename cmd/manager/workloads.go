package main

import (
	"fmt"
	"strings"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	"github.com/lagrange-operator/lagrange/controllers"
)

// workloadsOf is the way to the workloads of others, nil without
// --deliver-to-workloads: then nothing of them is read, and no right is needed.
// They have a cache of their own, since the manager's holds of their kinds only
// what Lagrange made.
func workloadsOf(mgr ctrl.Manager, o options) (*controllers.Workloads, error) {
	if !o.deliverToWorkloads {
		return nil, nil
	}
	beside, err := cluster.New(mgr.GetConfig(), func(c *cluster.Options) {
		c.Scheme, c.HTTPClient, c.Cache = mgr.GetScheme(), mgr.GetHTTPClient(), controllers.WorkloadCache(watchedNamespaces(o))
	})
	if err != nil {
		return nil, fmt.Errorf("build the cache of workloads: %w", err)
	}
	if err := mgr.Add(beside); err != nil {
		return nil, fmt.Errorf("add the cache of workloads: %w", err)
	}
	return controllers.NewWorkloads(beside), nil
}

// watchedNamespaces are those of --watch-namespaces, nil for all.
func watchedNamespaces(o options) map[string]cache.Config {
	var watched map[string]cache.Config
	for namespace := range strings.SplitSeq(o.watchNamespaces, ",") {
		if namespace = strings.TrimSpace(namespace); namespace != "" {
			if watched == nil {
				watched = map[string]cache.Config{}
			}
			watched[namespace] = cache.Config{}
		}
	}
	return watched
}
