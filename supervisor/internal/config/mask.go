// SPDX-License-Identifier: Apache-2.0

package config

import (
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// secretPatterns find what looks like a secret in text that was perhaps not even parsed: the last
// group is blotted out. A misspelt attribute is not known to be sensitive, its line is printed all
// the same.
var secretPatterns = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(?:pas+w[a-z]*|passphrase|secrets?|tokens?)"?[ \t]*[=:][ \t]*("[^"\n]*"?|'[^'\n]*'?|[^\s"',)]+)`),
	regexp.MustCompile(`://[^/@\s":]*:([^/@\s"]+)@`),
}

// callStart is how a value begins that is fetched from elsewhere: the text holds no secret.
var callStart = regexp.MustCompile(`^(?:env|file|credential)\(`)

// masked is the file with every secret replaced by asterisks of the same length.
func (s *source) masked() []byte {
	out := slices.Clone(s.bytes)
	for _, r := range s.secrets {
		blot(out, r.Start.Byte, r.End.Byte)
	}
	for _, p := range secretPatterns {
		for _, m := range p.FindAllSubmatchIndex(s.bytes, -1) {
			if from, to := m[len(m)-2], m[len(m)-1]; !callStart.Match(s.bytes[from:]) {
				blot(out, from, to)
			}
		}
	}
	return out
}

func blot(b []byte, from, to int) {
	for i := max(from, 0); i < min(to, len(b)); i++ {
		if b[i] != '\n' && b[i] != '"' {
			b[i] = '*'
		}
	}
}

// isLiteral tells that a value stands in the file itself and is not fetched by a function.
func isLiteral(expr hclsyntax.Expression) bool {
	literal := true
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if _, call := n.(*hclsyntax.FunctionCallExpr); call {
			literal = false
		}
		return nil
	})
	return literal
}
