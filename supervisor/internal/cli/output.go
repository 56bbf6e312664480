// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// format is the value of --output.
type format struct {
	value   string
	choices []string
}

// output adds --output; the first choice is the default.
func output(c *cobra.Command, choices ...string) *format {
	f := &format{choices[0], choices}
	c.Flags().VarP(f, "output", "o", "one of "+strings.Join(choices, ", "))
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return choices, cobra.ShellCompDirectiveNoFileComp
	}
	if err := c.RegisterFlagCompletionFunc("output", complete); err != nil {
		panic(err) // the flag was added three lines above
	}
	return f
}

// String, Set and Type make it a flag.
func (f *format) String() string { return f.value }

// Set takes one of the choices.
func (f *format) Set(value string) error {
	if !slices.Contains(f.choices, value) {
		return fmt.Errorf("want one of %s", strings.Join(f.choices, ", "))
	}
	f.value = value
	return nil
}

// Type is the word in the help.
func (f *format) Type() string { return "format" }

// structured writes v if the format is one for programs, and tells whether it was.
func (f *format) structured(w io.Writer, v any) (bool, error) {
	switch f.value {
	case "json":
		return true, writeJSON(w, v, "  ")
	case "jsonl":
		return true, writeJSON(w, v, "")
	case "yaml":
		text, err := yaml.Marshal(v)
		if err == nil {
			_, err = w.Write(text)
		}
		return true, wrapOutput(err)
	}
	return false, nil
}

func writeJSON(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return wrapOutput(enc.Encode(v))
}

func wrapOutput(err error) error {
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// colour tells whether to write escapes to Out.
func (a *App) colour() bool {
	return a.OutTerminal && a.Getenv("NO_COLOR") == "" && a.Getenv("TERM") != "dumb"
}
