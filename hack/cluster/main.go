// Cluster runs a Kubernetes cluster for the demo and the end-to-end tests:
//
//	go run ./hack/cluster up
//	go run ./hack/cluster load bin/images/manager.tar
//	go run ./hack/cluster down
//
// By default it is a real cluster of one node on this Linux machine, without a container engine. CLUSTER=kind uses kind
// and Docker, CLUSTER=existing a cluster that is there. See docs/local-cluster.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return command().ExecuteContext(ctx)
}
