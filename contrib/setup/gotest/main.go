// SPDX-License-Identifier: Apache-2.0

// Command gotest runs go test with the given arguments and shows what matters: a line for each package, and everything that
// failing tests printed. A skipped test counts as failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// event is one line of go test -json.
type event struct {
	Action, Package, Test, Output string
}

// report follows the events.
type report struct {
	out     io.Writer
	output  map[string]*strings.Builder // of each test, and of each package outside its tests
	passed  int
	failed  []string
	skipped []string
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := report{out: os.Stdout, output: map[string]*strings.Builder{}}
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		r.line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return err
	}
	err = cmd.Wait()
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, len(r.failed), len(r.skipped))
	if len(r.skipped) > 0 {
		return fmt.Errorf("skipped, which counts as failed: %s", strings.Join(r.skipped, ", "))
	}
	return err
}

// line takes one event; what is not one (a failed build) is shown as it is.
func (r *report) line(raw []byte) {
	var e event
	if json.Unmarshal(raw, &e) != nil {
		fmt.Fprintf(r.out, "%s\n", raw)
		return
	}
	name := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		r.keep(name, e.Output)
	case "pass", "fail", "skip":
		r.ended(e, name)
		delete(r.output, name)
	}
}

func (r *report) keep(name, text string) {
	if r.output[name] == nil {
		r.output[name] = &strings.Builder{}
	}
	r.output[name].WriteString(text)
}

// ended shows the end of a package, and of a test that failed.
func (r *report) ended(e event, name string) {
	if e.Test == "" {
		r.endedPackage(e, name)
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped = append(r.skipped, name)
	case "fail":
		r.failed = append(r.failed, name)
		fmt.Fprint(r.out, r.output[name])
	}
}

func (r *report) endedPackage(e event, name string) {
	if e.Action == "fail" {
		fmt.Fprint(r.out, r.output[name])
		return
	}
	for _, line := range strings.Split(fmt.Sprint(r.output[name]), "\n") {
		if strings.HasPrefix(line, "ok ") {
			fmt.Fprintln(r.out, line)
		}
	}
}
