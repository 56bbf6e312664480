// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLinesBecomeRecords(t *testing.T) {
	for line, want := range map[string]map[string]any{
		`{"time":"2026-01-02T03:04:05Z","level":"WARN","msg":"slow","took":7,"pid":1}`: {"level": "WARN", "msg": "slow", "took": "7", "plugin_pid": "1"},
		`{"@level":"error","@message":"lost","@timestamp":"x","@module":"m"}`:          {"level": "ERROR", "msg": "lost", "module": "m"},
		`{"@level":"trace","@message":"deep"}`:                                         {"level": "DEBUG", "msg": "deep"},
		`{"@message":1}`:                                                               {"level": "INFO", "msg": `{"@message":1}`},
		`{"msg":"x","level":{"a":[1]}}`:                                                {"level": "INFO", "msg": "x", "plugin_level": `{"a":[1]}`},
		`{"msg":"x"} and more`:                                                         {"level": "INFO", "msg": `{"msg":"x"} and more`},
		"[WARN] careful":                                                               {"level": "WARN", "msg": "careful"},
		"[x] text":                                                                     {"level": "INFO", "msg": "[x] text"},
		"text\r":                                                                       {"level": "INFO", "msg": "text"},
		"bad \xff bytes":                                                               {"level": "INFO", "msg": "bad ? bytes"},
		"panic: boom":                                                                  {"level": "ERROR", "msg": "panic: boom"},
	} {
		log := &record{}
		_, _ = newJournal(log.logger()).stream().Write([]byte(line + "\n"))
		var got map[string]any
		if err := json.Unmarshal([]byte(log.String()), &got); err != nil {
			t.Fatalf("%s: %v in %q", line, err, log.String())
		}
		delete(got, "time")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestWholeStackOfAPanicIsAnError(t *testing.T) {
	log := &record{}
	_, _ = newJournal(log.logger()).stream().Write([]byte("before\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n"))
	if n := strings.Count(log.String(), `"level":"ERROR"`); n != 3 {
		t.Errorf("%d errors in %s, want 3", n, log)
	}
}

func TestLineIsWholeHoweverItArrives(t *testing.T) {
	var lines []string
	w := &lineWriter{emit: func(line []byte, cut int) { lines = append(lines, string(line)) }}
	for _, part := range []string{"a", "b\nc", "", "d\n", "\nlast"} {
		_, _ = w.Write([]byte(part))
	}
	w.end()
	if diff := cmp.Diff([]string{"ab", "cd", "", "last"}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestTailKeepsTheLastLinesShort(t *testing.T) {
	j := newJournal(slog.New(slog.DiscardHandler))
	s := j.stream()
	for range 100 {
		_, _ = s.Write([]byte("early\n"))
	}
	_, _ = s.Write([]byte(strings.Repeat("z", 10_000) + "\nend\n"))
	lines := strings.Split(j.last(), "\n")
	if len(lines) != tailLines || lines[tailLines-1] != "end" || len(lines[tailLines-2]) != tailWidth {
		t.Errorf("tail has %d lines, ends with %q", len(lines), lines[len(lines)-1])
	}
}

func TestLinesAreRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLineLimit(time.Now())
		allowed := 0
		for range 10_000 {
			if ok, _ := l.allow(time.Now()); ok {
				allowed++
			}
		}
		if allowed != lineBurst {
			t.Errorf("%d lines at once, want %d", allowed, lineBurst)
		}
		<-time.After(time.Second)
		if ok, suppressed := l.allow(time.Now()); !ok || suppressed != 10_000-lineBurst {
			t.Errorf("after a second: %t, %d suppressed", ok, suppressed)
		}
	})
}

func TestFloodIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		l := byteLimit{stop: stop}
		began := time.Now()
		for range 10 {
			l.wait(bytesPerSecond)
		}
		if took := time.Since(began); took < 4*time.Second {
			t.Errorf("ten seconds' worth of bytes passed in %s", took)
		}
		close(stop)
		began = time.Now()
		for range 10 {
			l.wait(bytesPerSecond)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("after the end of the process it took %s", took)
		}
	})
}

func FuzzOutput(f *testing.F) {
	f.Add([]byte("{\"@message\":1}\n{\"msg\":\"x\",\"level\":3}\n[WARN] a\nb"))
	f.Fuzz(func(t *testing.T, output []byte) {
		log := &record{}
		s := newJournal(log.logger()).stream()
		_, _ = s.Write(output)
		s.end()
		for line := range strings.Lines(log.String()) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("record %q", line)
			}
		}
	})
}
