// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// question is something that setup has to know. The answer is given with a flag, or asked for, or the proposal is taken.
type question struct {
	flag, usage string
	// ask is what a person is asked.
	ask string
	// needed tells whether the answer matters; nil is always.
	needed func() bool
	// propose makes a proposal, empty if there is none; nil has none.
	propose func() string
	// must tells that nobody but a person may take the proposal.
	must func() bool
	// take checks the answer and puts it into the plan.
	take func(string) error
}

// Flag is a flag for an answer.
type Flag struct{ Name, Usage string }

// Flags are those for all answers.
func Flags() []Flag {
	var out []Flag
	for _, q := range (&Interview{Plan: &Plan{}}).questions() {
		out = append(out, Flag{q.flag, q.usage})
	}
	return out
}

// Interview fills a plan.
type Interview struct {
	Host *Host
	Plan *Plan
	// Answers are those given by flag.
	Answers map[string]string
	// In and Out are a person's; without In nobody is asked.
	In  io.Reader
	Out io.Writer
	// Elsewhere allows a plan for another host.
	Elsewhere bool
	// Secrets is "new", or the directory from which they are taken.
	Secrets string
	// Present tells whether a file with a secret is in place.
	Present func(name string) bool

	lines <-chan line
}

type line struct {
	text string
	err  error
}

// New has secrets made.
const New = "new"

// Unusable is an answer that cannot be used or is missing.
type Unusable struct{ error }

func unusable(format string, args ...any) error { return Unusable{fmt.Errorf(format, args...)} }

// Run takes the answers that were given, and asks for the others or takes what is proposed.
func (i *Interview) Run(ctx context.Context) error {
	if i.In != nil {
		i.lines = read(ctx, i.In)
	}
	if _, given := i.Answers["pg-bin"]; !given && len(i.Host.Postgres) == 0 {
		return i.Host.MissingPostgres
	}
	questions := i.questions()
	for _, q := range questions {
		if answer, given := i.Answers[q.flag]; given {
			if err := q.take(strings.TrimSpace(answer)); err != nil {
				return unusable("--%s %s: %w", q.flag, answer, err)
			}
		}
	}
	var missing []string
	for _, q := range questions {
		if _, given := i.Answers[q.flag]; given || q.needed != nil && !q.needed() {
			continue
		}
		switch err := i.settle(ctx, q); {
		case errors.Is(err, errMissing):
			missing = append(missing, "--"+q.flag+": "+q.usage)
		case err != nil:
			return err
		}
	}
	if len(missing) > 0 {
		return unusable("nobody is asked, and these flags are missing:\n  %s", strings.Join(missing, "\n  "))
	}
	return i.check()
}

var errMissing = errors.New("no answer")

// settle gets one answer.
func (i *Interview) settle(ctx context.Context, q question) error {
	proposal := ""
	if q.propose != nil {
		proposal = q.propose()
	}
	if i.In != nil {
		return i.put(ctx, q, proposal)
	}
	if proposal == "" || q.must != nil && q.must() {
		return errMissing
	}
	if err := q.take(proposal); err != nil {
		return unusable("--%s %s, which was found, cannot be used: %w", q.flag, proposal, err)
	}
	return nil
}

// put asks until the answer can be used.
func (i *Interview) put(ctx context.Context, q question, proposal string) error {
	for {
		fmt.Fprint(i.Out, q.ask)
		if proposal != "" {
			fmt.Fprintf(i.Out, " [%s]", proposal)
		}
		fmt.Fprint(i.Out, ": ")
		answer, err := i.next(ctx)
		if err != nil {
			return err
		}
		if answer == "" {
			answer = proposal
		}
		if answer == "" {
			fmt.Fprintln(i.Out, "  Needed: "+q.usage+".")
			continue
		}
		if err := q.take(answer); err != nil {
			fmt.Fprintf(i.Out, "  %v.\n", err)
			continue
		}
		return nil
	}
}

// Confirm asks a question that is answered by yes or no.
func (i *Interview) Confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(i.Out, "%s [y/N] ", question)
	answer, err := i.next(ctx)
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", err
}

func (i *Interview) next(ctx context.Context) (string, error) {
	select {
	case <-ctx.Done():
		fmt.Fprintln(i.Out)
		return "", fmt.Errorf("interrupted, nothing was written: %w", context.Cause(ctx))
	case l := <-i.lines:
		if l.err != nil {
			fmt.Fprintln(i.Out)
			return "", fmt.Errorf("no answer, nothing was written: %w", l.err)
		}
		return l.text, nil
	}
}

// read reads lines, so that waiting for one can be given up.
func read(ctx context.Context, in io.Reader) <-chan line {
	lines := make(chan line)
	go func() {
		reader := bufio.NewReader(in)
		for {
			text, err := reader.ReadString('\n')
			if text != "" {
				err = nil
			}
			select {
			case lines <- line{strings.TrimSpace(text), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}
