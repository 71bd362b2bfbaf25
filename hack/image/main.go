// Image builds a container image from a static binary, without a container engine or a registry:
//
//	go run ./hack/image --name lagrange-manager:dev --binary bin/manager --out bin/images/manager.tar
//
// It prints the image's digest; the same binary gives the same digest.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/image/archive"
)

func main() {
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var spec archive.Spec
	var out string
	cmd := &cobra.Command{
		Use:           "image --name NAME --binary FILE --out FILE",
		Short:         "Build an image archive from a static binary",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			digest, err := archive.Write(spec, out)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s@%s in %s\n", spec.Name, digest, out)
			return err
		},
	}
	cmd.Flags().StringVar(&spec.Name, "name", "", "the image's name and tag, for example lagrange-manager:dev")
	cmd.Flags().StringVar(&spec.Binary, "binary", "", "a statically linked program; it becomes the entrypoint /<base name>")
	cmd.Flags().StringVar(&out, "out", "", "the archive to write")
	cmd.Flags().StringVar(&spec.User, "user", "65532", "numeric uid that the program runs as")
	cmd.Flags().StringVar(&spec.CACertificates, "ca-certificates", "", "a PEM bundle to put where Go programs look for it")
	for _, required := range []string{"name", "binary", "out"} {
		if err := cmd.MarkFlagRequired(required); err != nil {
			panic(err) // a flag of this name is defined above
		}
	}
	return cmd
}
