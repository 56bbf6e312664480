// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgvigil/pgvigil/supervisor/internal/lab"
	"github.com/pgvigil/pgvigil/supervisor/internal/lab/ledger"
)

// findings are what became of the writes.
type findings struct {
	report ledger.Report
	rows   int64
	// differing names the nodes whose rows are not those of the primary.
	differing []string
}

// inspect compares the ledger with the primary, and the other nodes with the primary. The writers must be stopped.
func (s *stage) inspect(ctx context.Context) (findings, error) {
	var f findings
	primary, err := s.WaitPrimary(ctx)
	if err != nil {
		return f, err
	}
	conn, err := primary.ConnectSuperuser(ctx)
	if err != nil {
		return f, err
	}
	defer conn.Close(ctx)
	if f.report, err = s.book.Verify(ctx, conn); err != nil {
		return f, err
	}
	want, err := ledger.ReadDigest(ctx, conn)
	if err != nil {
		return f, err
	}
	end, err := ledger.Position(ctx, conn)
	if err != nil {
		return f, err
	}
	f.rows = want.Rows
	f.differing, err = differing(ctx, s.Except(primary), end, want)
	return f, err
}

// differing names the standbys whose rows are not the wanted ones at a position of the primary's WAL.
func differing(ctx context.Context, standbys []*lab.Node, position string, want ledger.Digest) ([]string, error) {
	var names []string
	for _, n := range standbys {
		digest, err := digestAt(ctx, n, position)
		if err != nil {
			return nil, fmt.Errorf("rows of %s: %w", n.Name, err)
		}
		if digest != want {
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// report compares the ledger with the primary alone. The writers must be stopped.
func (s *stage) report(ctx context.Context) (ledger.Report, error) {
	primary, err := s.WaitPrimary(ctx)
	if err != nil {
		return ledger.Report{}, err
	}
	conn, err := primary.ConnectSuperuser(ctx)
	if err != nil {
		return ledger.Report{}, err
	}
	defer conn.Close(ctx)
	return s.book.Verify(ctx, conn)
}

// digestAt reads a standby's rows as of a position of the primary's WAL.
func digestAt(ctx context.Context, n *lab.Node, position string) (ledger.Digest, error) {
	conn, err := n.ConnectSuperuser(ctx)
	if err != nil {
		return ledger.Digest{}, err
	}
	defer conn.Close(ctx)
	if err := ledger.AwaitReplay(ctx, conn, position); err != nil {
		return ledger.Digest{}, err
	}
	return ledger.ReadDigest(ctx, conn)
}

// lost are all acknowledged writes that are gone.
func (f findings) lost() []ledger.Entry { return slices.Concat(f.report.Missing, f.report.Discarded) }

// faults are all that was not as the acts demand.
func (f findings) faults(list []act, outcomes []outcome) []string {
	var faults []string
	if f.report.Acknowledged == 0 {
		faults = append(faults, "no write was acknowledged at all, which proves nothing")
	}
	for _, e := range f.report.Missing {
		faults = append(faults, fmt.Sprintf("write %s was acknowledged on the surviving line and is missing", e))
	}
	for _, row := range f.report.Phantom {
		faults = append(faults, "row that nobody may have written: "+row)
	}
	for _, name := range f.differing {
		faults = append(faults, name+" does not hold the same rows as the primary")
	}
	for i, o := range outcomes {
		for _, fault := range append(list[i].judge(o), list[i].judgeLoss(o.during(f.report.Discarded))...) {
			faults = append(faults, list[i].title+": "+fault)
		}
	}
	return append(faults, unattributed(f.report.Discarded, outcomes)...)
}

// unattributed are lost writes that no act can be charged with, as they were acknowledged later.
func unattributed(lost []ledger.Entry, outcomes []outcome) []string {
	charged := 0
	for _, o := range outcomes {
		charged += len(o.during(lost))
	}
	if charged == len(lost) {
		return nil
	}
	return []string{fmt.Sprintf("%d acknowledged writes were lost after the story", len(lost)-charged)}
}
