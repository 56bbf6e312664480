// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *App) versionCommand() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Print the version of this binary"}
	f := output(c, "text", "json", "yaml")
	c.RunE = func(*cobra.Command, []string) error {
		v := struct {
			Version  string `json:"version"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
		}{a.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
		if done, err := f.structured(a.Out, v); done {
			return err
		}
		_, err := fmt.Fprintf(a.Out, "pgvigil %s (%s, %s)\n", v.Version, v.Go, v.Platform)
		return wrapOutput(err)
	}
	return c
}
