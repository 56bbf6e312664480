// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"os"
	"strings"

	"github.com/pgvigil/pgvigil/plugins/sdk"
)

// Body is the decoded block; its members are described in the schema.
type Body struct {
	Consoles     []string `json:"consoles"`
	Password     string   `json:"password"`
	PasswordFile string   `json:"password_file"`
	Databases    []string `json:"databases"`
	File         *File    `json:"databases_file"`
}

// Decode reads a body.
func Decode(c sdk.Config) (Body, error) {
	var b Body
	if err := c.Decode(&b); err != nil {
		return Body{}, fmt.Errorf("body of router %q: %w", "pgbouncer", err)
	}
	return b, nil
}

// Secret is the password for the consoles; it reads the file.
func (b Body) Secret() (string, error) {
	if b.PasswordFile == "" {
		return b.Password, nil
	}
	raw, err := os.ReadFile(b.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimRight(line, "\r"), nil
}
