// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Cohort is who keeps the acknowledged commits, as the DCS says: the leader of the epoch and K of the others.
type Cohort struct {
	Epoch   uint64
	Members []string
	K       int
}

func (c Cohort) String() string {
	return fmt.Sprintf("%d of (%s) in epoch %d", c.K, strings.Join(c.Members, " "), c.Epoch)
}

// names is what the leader's PostgreSQL must wait for.
func (c Cohort) names(leader string) string {
	if c.K == 0 {
		return ""
	}
	others := slices.DeleteFunc(slices.Clone(c.Members), func(n string) bool { return n == leader })
	return fmt.Sprintf(`ANY %d ("%s")`, c.K, strings.Join(others, `", "`))
}

// Cohort reads the present one.
func (c *Cluster) Cohort(ctx context.Context) (cohort Cohort, err error) {
	err = c.Record(ctx, "cohort", &cohort)
	return cohort, err
}

// Epoch is the number of the present leadership, by the DCS.
func (c *Cluster) Epoch(ctx context.Context) (uint64, error) {
	var record struct{ Epoch uint64 }
	err := c.Record(ctx, "epoch", &record)
	return record.Epoch, err
}

// WaitCohort waits until the DCS says that these nodes are the cohort, with k, each of them with a vote, and the primary's
// PostgreSQL waits for exactly that. No nodes mean asynchronous durability.
func (c *Cluster) WaitCohort(ctx context.Context, k int, nodes ...*Node) error {
	want := make([]string, 0, len(nodes))
	for _, n := range nodes {
		want = append(want, n.Name)
	}
	slices.Sort(want)
	return c.poll(ctx, fmt.Sprintf("wait for a cohort of %q with %d", want, k), func(ctx context.Context) error {
		return c.inStep(ctx, want, k)
	})
}

// inStep tells, by an error, what is not yet as wanted.
func (c *Cluster) inStep(ctx context.Context, members []string, k int) error {
	cohort, err := c.Cohort(ctx)
	if err != nil {
		return err
	}
	epoch, err := c.Epoch(ctx)
	if err != nil {
		return err
	}
	if cohort.Epoch != epoch || cohort.K != k || !slices.Equal(cohort.Members, members) {
		return fmt.Errorf("the cohort is %s, the epoch %d", cohort, epoch)
	}
	for _, name := range members {
		if err := c.votes(ctx, name); err != nil {
			return err
		}
	}
	primary, err := c.Primary(ctx)
	if err != nil {
		return err
	}
	set, err := primary.setting(ctx, "synchronous_standby_names")
	if err != nil {
		return err
	}
	if want := cohort.names(primary.Name); set != want {
		return fmt.Errorf("%s waits for %q, the cohort asks for %q", primary.Name, set, want)
	}
	return nil
}

// votes tells, by an error, that the member has no vote yet: it was rewound or copied, and may lack what it once acknowledged.
func (c *Cluster) votes(ctx context.Context, name string) error {
	var member struct{ Lacking bool }
	if err := c.Record(ctx, "members/"+name, &member); err != nil {
		return err
	}
	if member.Lacking {
		return fmt.Errorf("%s may lack what it once acknowledged", name)
	}
	return nil
}

func (n *Node) setting(ctx context.Context, name string) (value string, err error) {
	conn, err := n.ConnectSuperuser(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select current_setting($1)", name).Scan(&value)
	return value, err
}
