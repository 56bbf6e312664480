// SPDX-License-Identifier: Apache-2.0

// Package logging makes the logs of pgvigil's services: text or JSON on standard error, or entries of systemd's journal with
// fields of their own, and MESSAGE_IDs that its catalogue explains.
package logging

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/journal"
)

// New makes a log in a format: "json", or "text", which is native entries where w is standard error and leads to the journal.
// Those carry, besides each record's attributes, the program's name, and the cluster's and the member's, which may be empty. The
// program calls flush before it ends.
func New(w io.Writer, format string, level slog.Leveler, cluster, member string) (log *slog.Logger, flush func()) {
	options := &slog.HandlerOptions{Level: level}
	switch {
	case format == "json":
		return slog.New(slog.NewJSONHandler(w, options)), func() {}
	case w == os.Stderr && ToJournal():
		spool := newSpool(journal.Send)
		fields := map[string]string{
			"SYSLOG_IDENTIFIER": filepath.Base(os.Args[0]), // the journal cannot tell of a program that has ended meanwhile
			"PGVIGIL_CLUSTER":   cluster, "PGVIGIL_MEMBER": member,
		}
		return slog.New(newHandler(level, spool, fields)), spool.flush
	}
	return slog.New(slog.NewTextHandler(w, options)), func() {}
}

// ToJournal tells whether standard error leads to the journal.
func ToJournal() bool {
	yes, err := journal.StderrIsJournalStream()
	return yes && err == nil
}
