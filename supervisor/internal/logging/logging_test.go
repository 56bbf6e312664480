// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/google/go-cmp/cmp"
)

const catalogue = "../../../packaging/root/usr/lib/systemd/catalog/pgvigil.catalog"

// Ensure every event is in the catalogue, once, and nothing else is.
func TestCatalogue(t *testing.T) {
	text, err := os.ReadFile(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^-- ([0-9a-f]{32})\nSubject: .+\nDefined-By: pgvigil\nDocumentation: .+\n\n\S`).FindAllStringSubmatch(string(text), -1) {
		count[m[1]]++
	}
	for _, e := range events() {
		if count[e.id]--; count[e.id] != 0 {
			t.Errorf("%q %s is in the catalogue %d times", e.message, e.id, count[e.id]+1)
		}
		delete(count, e.id)
	}
	if len(count) > 0 || strings.Count(string(text), "\n-- ") != len(events()) {
		t.Errorf("in the catalogue alone, or not well formed there: %v", count)
	}
}

// Ensure each event is logged somewhere, with the fields that the catalogue shows.
func TestEventsAreLogged(t *testing.T) {
	calls := logCalls(t)
	text, err := os.ReadFile(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events() {
		call := calls[e.message]
		if call == "" {
			t.Errorf("nothing logs %q", e.message)
		}
		_, explained, _ := strings.Cut(string(text), "-- "+e.id)
		explained, _, _ = strings.Cut(explained, "\n-- ")
		for _, m := range regexp.MustCompile(`@PGVIGIL_([A-Z_]+)@`).FindAllStringSubmatch(explained, -1) {
			key := strings.ToLower(m[1])
			if key != "cluster" && key != "member" && !strings.Contains(call, strconv.Quote(key)) {
				t.Errorf("the catalogue shows %s of %q, logged as %s", key, e.message, call)
			}
		}
	}
}

// logCalls are the rests of the lines that log, by message.
func logCalls(t *testing.T) map[string]string {
	calls := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			for _, call := range []string{`.Info("`, `.Warn("`, `.Error("`} {
				if _, rest, found := strings.Cut(line, call); found {
					message, fields, _ := strings.Cut(rest, `"`)
					calls[message] = fields
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// sent is an entry of the journal.
type sent struct {
	Message  string
	Priority journal.Priority
	Fields   map[string]string
}

// Ensure entries have a message for people, and fields for programs.
func TestHandler(t *testing.T) {
	var got []sent
	spool := newSpool(func(m string, p journal.Priority, fields map[string]string) error {
		got = append(got, sent{m, p, fields})
		return nil
	})
	log := slog.New(newHandler(slog.LevelInfo, spool, map[string]string{"PGVIGIL_CLUSTER": "demo", "PGVIGIL_MEMBER": ""}))
	log.Debug("not written")
	log.Info("plain")
	log.With("plugin", "etcd").Warn("of a plugin", "error", errors.New("it's broken"), "msg", 1)
	log.WithGroup("g").Info("grouped", "a_b", 2, slog.Group("inner", "c", 3))
	log.Error("action failed", "action", "clone")
	log.Info("action done", "action", "rewind", "took", time.Second)
	log.Info("action done", "action", "apply")
	demo := func(more ...string) map[string]string {
		fields := map[string]string{"PGVIGIL_CLUSTER": "demo"}
		for i := 0; i < len(more); i += 2 {
			fields[more[i]] = more[i+1]
		}
		return fields
	}
	spool.flush()
	want := []sent{
		{"plain", journal.PriInfo, demo()},
		{`of a plugin plugin=etcd error="it's broken"`, journal.PriWarning, demo("PGVIGIL_PLUGIN", "etcd", "PGVIGIL_ERROR", "it's broken", "PGVIGIL_MSG", "1")},
		{"grouped g.a_b=2 g.inner.c=3", journal.PriInfo, demo("PGVIGIL_G_A_B", "2", "PGVIGIL_G_INNER_C", "3")},
		{"action failed action=clone", journal.PriErr, demo("PGVIGIL_ACTION", "clone", "MESSAGE_ID", messageID("action failed", "clone"))},
		{"action done action=rewind took=1s", journal.PriNotice, demo("PGVIGIL_ACTION", "rewind", "PGVIGIL_TOOK", "1s", "MESSAGE_ID", messageID("action done", "rewind"))},
		{"action done action=apply", journal.PriInfo, demo("PGVIGIL_ACTION", "apply")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if messageID("action done", "rewind") == "" || messageID("action done", "rewind") == messageID("action done", "clone") {
		t.Error("what was done to PostgreSQL is not told apart")
	}
}

// Ensure a log that does not go to the journal is text, or JSON.
func TestElsewhere(t *testing.T) {
	for format, want := range map[string]string{"text": `level=INFO msg="leadership taken" epoch=7`, "json": `"msg":"leadership taken","epoch":7`} {
		var out bytes.Buffer
		log, flush := New(&out, format, slog.LevelInfo, "demo", "a")
		log.Info("leadership taken", "epoch", 7)
		flush()
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "demo") {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

// Ensure a journal that hangs keeps nobody waiting, and tells what it missed when it is back.
func TestJournalHangs(t *testing.T) {
	hangs := make(chan struct{})
	var got []string
	spool := newSpool(func(m string, _ journal.Priority, _ map[string]string) error {
		<-hangs
		got = append(got, m)
		return nil
	})
	log := slog.New(newHandler(slog.LevelInfo, spool, nil))
	const tooMany = spoolLength + 500
	for range tooMany {
		log.Info("entry")
	}
	spool.flush() // gives up
	close(hangs)
	spool.flush()
	missing := tooMany - len(got)
	told := regexp.MustCompile(`^entry \((\d+) entries before this one are lost\)$`)
	for _, m := range got {
		if found := told.FindStringSubmatch(m); found != nil {
			n, _ := strconv.Atoi(found[1])
			missing -= n
		}
	}
	if missing != 0 || len(got) < spoolLength {
		t.Errorf("%d of %d entries written, of %d nobody was told", len(got), tooMany, missing)
	}
}
