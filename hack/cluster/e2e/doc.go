// Package e2e tests the local cluster on the machine it is run on: go test -tags e2e ./hack/cluster/e2e, as root.
package e2e
