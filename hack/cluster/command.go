package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/cluster/internal/checkout"
	"github.com/lagrange-operator/lagrange/hack/cluster/internal/programs"
)

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "A Kubernetes cluster for the demo and the end-to-end tests",
		Long:          "A Kubernetes cluster for the demo and the end-to-end tests.\nThe environment variable CLUSTER chooses it: local (the default), kind or existing.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(upCommand(), downCommand(), statusCommand(), loadCommand(), restartCommand(),
		kubeconfigCommand(), hostAddressCommand(), imageCommand(), binariesCommand())
	root.AddCommand(nodeCommands()...)
	return root
}

// onProvider makes a command's action from one on the chosen provider; progress goes to standard error, so that standard
// output holds results alone.
func onProvider(action func(cmd *cobra.Command, chosen provider, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		chosen, err := choose(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return action(cmd, chosen, args)
	}
}

func upCommand() *cobra.Command {
	var reuse, keep bool
	cmd := &cobra.Command{
		Use: "up", Short: "Start the cluster, compiling what is missing", Args: cobra.NoArgs,
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, _ []string) error {
			return chosen.Up(cmd.Context(), reuse, keep)
		}),
	}
	cmd.Flags().BoolVar(&reuse, "reuse", false, "use the cluster if it is running already")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave a cluster that fails to start for inspection")
	return cmd
}

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End the cluster and leave nothing behind", Args: cobra.NoArgs,
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, _ []string) error {
			return chosen.Down(cmd.Context())
		}),
	}
}

func statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the components; the exit code is 1 unless all work", Args: cobra.NoArgs,
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, _ []string) error {
			return chosen.Status(cmd.Context(), cmd.OutOrStdout())
		}),
	}
}

func loadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "load ARCHIVE...", Short: "Load image archives into the cluster", Args: cobra.MinimumNArgs(1),
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, args []string) error {
			return chosen.Load(cmd.Context(), args)
		}),
	}
}

func restartCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restart COMPONENT", Short: "Restart a component and wait until it works again", Args: cobra.ExactArgs(1),
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, args []string) error {
			return chosen.Restart(cmd.Context(), args[0])
		}),
	}
}

func kubeconfigCommand() *cobra.Command {
	return &cobra.Command{
		Use: "kubeconfig", Short: "Print the path of the kubeconfig file", Args: cobra.NoArgs,
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, _ []string) error {
			return printLine(cmd, chosen.Kubeconfig(), nil)
		}),
	}
}

func hostAddressCommand() *cobra.Command {
	return &cobra.Command{
		Use: "host-address", Short: "Print the address at which pods reach this host", Args: cobra.NoArgs,
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, _ []string) error {
			address, err := chosen.HostAddress(cmd.Context())
			return printLine(cmd, address, err)
		}),
	}
}

func imageCommand() *cobra.Command {
	return &cobra.Command{
		Use: "image NAME", Short: "Print the name by which pods refer to a loaded image", Args: cobra.ExactArgs(1),
		RunE: onProvider(func(cmd *cobra.Command, chosen provider, args []string) error {
			image, err := chosen.Image(args[0])
			return printLine(cmd, image, err)
		}),
	}
}

func binariesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "binaries", Short: "Compile etcd, kube-apiserver and kubectl if need be and print their folder", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cache, err := cacheFolder()
			if err != nil {
				return err
			}
			module, err := checkout.Folder(cmd.Context())
			if err != nil {
				return err
			}
			builder := programs.Builder{Cache: cache, Source: filepath.Join(module, "hack/cluster/binaries"), Out: cmd.ErrOrStderr()}
			folder, err := builder.Ensure(cmd.Context(), programs.ForAPIServer())
			return printLine(cmd, folder, err)
		},
	}
}

func printLine(cmd *cobra.Command, line string, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), line)
	return err
}
