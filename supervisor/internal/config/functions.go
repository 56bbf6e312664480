// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// secretMark marks a value that came from a credential: it is never printed, wherever it goes.
const secretMark = "secret"

// maxValueBytes bounds what file() and credential() read.
const maxValueBytes = 64 << 10

// evalContext is what expressions of one file may call. Relative paths are relative to that file.
func (l *Loader) evalContext(fileName string) *hcl.EvalContext {
	return &hcl.EvalContext{Functions: map[string]function.Function{
		"env":        textFunction("name", "", l.env),
		"file":       textFunction("path", "", func(path string) (string, error) { return readBeside(fileName, path) }),
		"credential": textFunction("name", secretMark, l.credential),
		"hostname": function.New(&function.Spec{
			Type: function.StaticReturnType(cty.String),
			Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
				name, err := l.hostname()
				return cty.StringVal(name), err
			},
		}),
	}}
}

// textFunction makes a function of one string; a mark that is not empty is put on its result.
func textFunction(parameter, mark string, call func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: parameter, Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := call(args[0].AsString())
			if err != nil {
				return cty.NilVal, err
			}
			if mark == "" {
				return cty.StringVal(text), nil
			}
			return cty.StringVal(text).Mark(mark), nil
		},
	})
}

func (l *Loader) env(name string) (string, error) {
	value, ok := l.LookupEnv(name)
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return value, nil
}

func (l *Loader) hostname() (string, error) {
	name, err := l.Hostname()
	if err != nil {
		return "", fmt.Errorf("host name: %w", err)
	}
	return name, nil
}

// credential reads a credential of the systemd service.
func (l *Loader) credential(name string) (string, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("%q is no credential name", name)
	}
	dir, ok := l.LookupEnv("CREDENTIALS_DIRECTORY")
	if !ok {
		return "", fmt.Errorf("$CREDENTIALS_DIRECTORY is not set; add LoadCredential=%s:/path/of/the/file to the [Service] section of the unit", name)
	}
	text, err := readText(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return "", fmt.Errorf("the service has no credential %s; add LoadCredential=%s:/path/of/the/file to the [Service] section of the unit", name, name)
	}
	return text, err
}

// readBeside reads a file named in the configuration file fileName.
func readBeside(fileName, path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(fileName), path)
	}
	text, err := readText(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, reason(err))
	}
	return text, nil
}

// readText reads a small file without the line ends at its end, which editors add and nobody means.
func readText(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("not a regular file")
	}
	if info.Size() > maxValueBytes {
		return "", fmt.Errorf("larger than %d bytes", maxValueBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
