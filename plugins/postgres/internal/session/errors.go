// SPDX-License-Identifier: Apache-2.0

package session

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Answer tells whether an error is the server's own word, with its code; otherwise nobody answered.
func Answer(err error) (code, message string, ok bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return "", "", false
	}
	return pg.Code, pg.Message, true
}

// NotReady tells whether the server answered that it does not accept connections now, and whether
// because it is shutting down.
func NotReady(err error) (stopping, ok bool) {
	code, message, answered := Answer(err)
	if !answered {
		return false, false
	}
	const cannotConnectNow, adminShutdown, crashShutdown = "57P03", "57P01", "57P02"
	switch code {
	case cannotConnectNow:
		return strings.Contains(message, "shutting down"), true
	case adminShutdown, crashShutdown:
		return true, true
	}
	return false, false
}

// Literal writes a string constant of SQL.
func Literal(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// Identifier writes a name of SQL.
func Identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
