package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/local"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/node"
)

func newLocal(cache string, out io.Writer) (provider, error) {
	return local.New(cache, out)
}

// nodeCommands are those by which the program calls itself inside the local cluster's node.
func nodeCommands() []*cobra.Command {
	first := &cobra.Command{
		Use: node.FirstVerb, Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return node.First(args[0]) },
	}
	supervise := &cobra.Command{
		Use: node.SuperviseVerb, Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return node.Supervise(args[0]) },
	}
	become := &cobra.Command{
		Use: node.ExecVerb, Hidden: true, Args: cobra.MinimumNArgs(3),
		RunE: func(_ *cobra.Command, args []string) error { return node.Exec(args[0], args[1], args[2:]) },
	}
	return []*cobra.Command{first, supervise, become}
}
