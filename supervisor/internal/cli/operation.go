// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgvigil/pgvigil/supervisor/internal/api"
)

// operationPoll is how often the cluster is looked at while an operation is waited for.
const operationPoll = 100 * time.Millisecond

// openPatience is how long the new leader of a hand-over that is done is waited for.
const openPatience = 10 * time.Second

// operationOptions are the flags that all operations share.
type operationOptions struct {
	yes, wait bool
	timeout   time.Duration
	format    *format
}

func (a *App) operationFlags(c *cobra.Command, timeout time.Duration) *operationOptions {
	o := &operationOptions{}
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask back")
	c.Flags().BoolVar(&o.wait, "wait", true, "wait for the end and tell what happens")
	c.Flags().DurationVar(&o.timeout, "timeout", timeout, "how long to wait")
	o.format = output(c, "text", "json", "yaml")
	return o
}

// begin connects and looks at the cluster as it is.
func (a *App) begin(ctx context.Context) (*client, *api.Status, error) {
	client, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	s, err := client.status(ctx)
	return client, s, err
}

// confirm shows the cluster and asks back. Without a terminal to ask on, --yes must have been given.
func (a *App) confirm(o *operationOptions, s *api.Status, question string) error {
	if o.yes {
		return nil
	}
	if !a.InTerminal {
		return usage("there is no terminal to ask back on: give --yes")
	}
	if err := a.show(a.Err, s, &format{value: "table"}); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "\n%s [y/N] ", question)
	line, err := bufio.NewReader(a.In).ReadString('\n')
	switch answer := strings.ToLower(strings.TrimSpace(line)); {
	case answer == "y" || answer == "yes":
		return nil
	case err != nil:
		fmt.Fprintln(a.Err)
	}
	return failf(ExitError, "not confirmed, nothing was done")
}

// run submits an operation and waits for its end.
func (a *App) run(ctx context.Context, client *client, o *operationOptions, before *api.Status, method, path string, body any) error {
	start := time.Now()
	var accepted api.Accepted
	if err := client.send(ctx, method, path, body, &accepted); err != nil {
		return err
	}
	op := accepted.Operation
	if op == nil {
		return failf(ExitError, "the supervisor took the request without naming an operation")
	}
	if !o.wait {
		if done, err := o.format.structured(a.Out, op); err != nil || done {
			return err
		}
		_, err := fmt.Fprintf(a.Out, "%s accepted, operation %s\n", op.Kind, op.ID)
		return wrapOutput(err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	w := &waiter{app: a, client: client, format: o.format, operation: op, last: before, start: start}
	return w.wait(ctx)
}

// waiter follows one operation to its end.
type waiter struct {
	app       *App
	client    *client
	format    *format
	operation *api.Operation
	last      *api.Status
	start     time.Time
	seen      bool
	done      time.Time // when the operation was seen to be done
	complaint string
}

func (w *waiter) wait(ctx context.Context) error {
	tick := time.NewTicker(operationPoll)
	defer tick.Stop()
	for {
		if done, err := w.look(ctx); done {
			return err
		}
		select {
		case <-ctx.Done():
			if ctx.Err() == context.DeadlineExceeded {
				return failf(ExitTimeout, "%s %s has not ended yet and goes on; look with: pgvigil list", w.operation.Kind, w.operation.ID)
			}
			return failf(ExitError, "interrupted: %s %s goes on", w.operation.Kind, w.operation.ID)
		case <-tick.C:
		}
	}
}

// look asks once and tells what has changed.
func (w *waiter) look(ctx context.Context) (bool, error) {
	s, err := w.client.status(ctx)
	if err != nil {
		if text := err.Error(); ctx.Err() == nil && text != w.complaint {
			w.complaint = text
			w.say(text)
		}
		return false, nil
	}
	for _, change := range changes(w.last, s) {
		w.say(change)
	}
	w.last = s
	return w.ended(s.Operation)
}

func (w *waiter) say(text string) {
	fmt.Fprintf(w.app.Err, "%6.2fs  %s\n", time.Since(w.start).Seconds(), printable(text))
}

func (w *waiter) ended(op *api.Operation) (bool, error) {
	switch {
	case op == nil || op.ID != w.operation.ID:
		if w.seen {
			return true, failf(ExitError, "%s %s was replaced by another operation; its result is not known", w.operation.Kind, w.operation.ID)
		}
		return false, nil
	case op.State == "pending", op.State == "done" && w.handingOver(op.Handover):
		w.seen = true
		return false, nil
	}
	text := op.Kind + " " + op.State
	if op.Result != "" {
		text += ": " + op.Result
	}
	if op.State != "done" {
		return true, failf(ExitError, "%s", text)
	}
	if done, err := w.format.structured(w.app.Out, op); err != nil || done {
		return true, err
	}
	if _, err := fmt.Fprintf(w.app.Out, "%s (%.2f s)\n", printable(text), time.Since(w.start).Seconds()); err != nil {
		return true, wrapOutput(err)
	}
	return true, w.app.showHandover(op.Handover)
}

// handingOver tells whether the new leader has yet to open, or clients have yet to be let go: that is waited for a little.
func (w *waiter) handingOver(h *api.Handover) bool {
	if h == nil || h.Over {
		return false
	}
	if w.done.IsZero() {
		w.done = time.Now()
	}
	return time.Since(w.done) < openPatience
}

// changes tells what is different between two looks at the cluster.
func changes(before, now *api.Status) []string {
	var out []string
	if was, is := before.Cluster.Leader, now.Cluster.Leader; was != is {
		switch {
		case is == "" && now.Cluster.Released:
			out = append(out, was+" has stopped and gave the leadership up")
		case is == "":
			out = append(out, was+" leads no more")
		default:
			out = append(out, fmt.Sprintf("%s leads, in epoch %d", is, now.Cluster.Epoch))
		}
	}
	for _, m := range now.Members {
		was := find(before, m.Name)
		if was == nil || was.State == m.State && was.Job == m.Job {
			continue
		}
		text := fmt.Sprintf("%s is %s", m.Name, m.State)
		if m.Job != "" {
			text += " (" + m.Job + ")"
		}
		out = append(out, text)
	}
	return out
}

func find(s *api.Status, name string) *api.Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}
