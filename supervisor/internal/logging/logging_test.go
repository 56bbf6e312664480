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
	var source strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "logging/") {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	text, err2 := os.ReadFile(catalogue)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	for _, e := range events() {
		call := regexp.MustCompile(`(?:Info|Warn|Error)\(` + regexp.QuoteMeta(strconv.Quote(e.message)) + `.*`).FindString(source.String())
		if call == "" {
			t.Errorf("nothing logs %q", e.message)
		}
		_, entry, _ := strings.Cut(string(text), "-- "+e.id)
		entry, _, _ = strings.Cut(entry, "\n-- ")
		for _, m := range regexp.MustCompile(`@PGVIGIL_([A-Z_]+)@`).FindAllStringSubmatch(entry, -1) {
			key := strings.ToLower(m[1])
			if key != "cluster" && key != "member" && !strings.Contains(call, strconv.Quote(key)) {
				t.Errorf("the catalogue shows %s of %q, logged as %s", key, e.message, call)
			}
		}
	}
}

// entry is what was sent to the journal.
type entry struct {
	Message  string
	Priority journal.Priority
	Fields   map[string]string
}

// Ensure entries have a message for people, and fields for programs.
func TestHandler(t *testing.T) {
	var got []entry
	send := func(m string, p journal.Priority, fields map[string]string) error {
		got = append(got, entry{m, p, fields})
		return nil
	}
	log := slog.New(newHandler(slog.LevelInfo, send, map[string]string{"PGVIGIL_CLUSTER": "demo", "PGVIGIL_MEMBER": ""}))
	log.Debug("not written")
	log.Info("plain")
	log.With("plugin", "etcd").Warn("of a plugin", "error", errors.New("it's broken"), "msg", 1)
	log.WithGroup("g").Info("grouped", "a-b", 2, slog.Group("inner", "c", 3))
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
	want := []entry{
		{"plain", journal.PriInfo, demo()},
		{`of a plugin plugin=etcd error="it's broken"`, journal.PriWarning, demo("PGVIGIL_PLUGIN", "etcd", "PGVIGIL_ERROR", "it's broken", "PGVIGIL_MSG", "1")},
		{"grouped g.a-b=2 g.inner.c=3", journal.PriInfo, demo("PGVIGIL_G_A_B", "2", "PGVIGIL_G_INNER_C", "3")},
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
		New(&out, format, slog.LevelInfo, "demo", "a").Info("leadership taken", "epoch", 7)
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "demo") {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}
