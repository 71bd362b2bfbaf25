//go:build !linux

package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

func newLocal(string, io.Writer) (provider, error) {
	return nil, fmt.Errorf("the local cluster needs Linux, and this is %s; use CLUSTER=kind (needs Docker) or CLUSTER=existing KUBECONFIG=path", runtime.GOOS)
}

func nodeCommands() []*cobra.Command { return nil }
