// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"slices"
	"testing"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RouterEnv is a router as its suite needs it.
type RouterEnv struct {
	// Connect starts the plugin, configured; later calls find what earlier ones left on disk.
	Connect func(t testing.TB) *grpc.ClientConn
	// Effect is what the router does with traffic now, in any form, a pause included; equal effects are equal strings.
	Effect func(t testing.TB) string
	// Forget makes the router lose what it was told, as its restart would.
	Forget func(t testing.TB)
	// Examine starts the plugin once more, configured only to look (see Examine); nil without that capability.
	Examine func(t testing.TB) *grpc.ClientConn
}

// Router checks the promises of pluginv1.Router.
func Router(t *testing.T, env RouterEnv) {
	conn := env.Connect(t)
	r := &routerStory{RouterEnv: env, conn: conn, client: pluginv1.NewRouterClient(conn)}
	t.Run("unknown_role", r.unknownRole)
	t.Run("idempotent", r.idempotent)
	t.Run("stale_epoch", r.staleEpoch)
	t.Run("level_triggered", r.levelTriggered)
	t.Run("switchover", r.switchover)
	t.Run("no_primary", r.noPrimary)
	t.Run("pause", r.pause)
	t.Run("examine", r.examine)
	t.Run("epoch_survives_restart", r.restart)
}

// routerStory is a router that has been given routes.
type routerStory struct {
	RouterEnv
	conn   *grpc.ClientConn
	client pluginv1.RouterClient
	// effect of the routes of epoch 5.
	effect string
}

func (r *routerStory) apply(t *testing.T, req *pluginv1.RouterApplyRequest) codes.Code {
	t.Helper()
	_, err := r.client.Apply(within(t, Patience), req)
	return status.Code(err)
}

// mustApply applies and returns the effect.
func (r *routerStory) mustApply(t *testing.T, req *pluginv1.RouterApplyRequest) string {
	t.Helper()
	if got := r.apply(t, req); got != codes.OK {
		t.Fatalf("apply: got %s", got)
	}
	return r.Effect(t)
}

func (r *routerStory) unknownRole(t *testing.T) {
	for _, role := range []pluginv1.OwnRole{pluginv1.OwnRole_OWN_ROLE_UNSPECIFIED, 99} {
		bad := routesAt(5)
		bad.OwnRole = role
		if got := r.apply(t, bad); got != codes.InvalidArgument {
			t.Errorf("own_role %d: got %s, want %s", role, got, codes.InvalidArgument)
		}
	}
}

func (r *routerStory) idempotent(t *testing.T) {
	r.effect = r.mustApply(t, routesAt(5))
	if after := r.mustApply(t, routesAt(5)); after != r.effect {
		t.Errorf("the same routes again changed the effect\nfrom %s\nto   %s", r.effect, after)
	}
}

func (r *routerStory) staleEpoch(t *testing.T) {
	if got := r.apply(t, swapped(4)); got != codes.Aborted {
		t.Errorf("older epoch: got %s, want %s", got, codes.Aborted)
	}
	if after := r.Effect(t); after != r.effect {
		t.Errorf("an older epoch changed the effect\nfrom %s\nto   %s", r.effect, after)
	}
}

func (r *routerStory) levelTriggered(t *testing.T) {
	r.Forget(t)
	if after := r.mustApply(t, routesAt(5)); after != r.effect {
		t.Errorf("what was forgotten was not repaired\nwant %s\ngot  %s", r.effect, after)
	}
}

func (r *routerStory) switchover(t *testing.T) {
	if after := r.mustApply(t, swapped(6)); after == r.effect {
		t.Error("another primary changed nothing")
	}
}

func (r *routerStory) noPrimary(t *testing.T) {
	none := routesAt(6)
	none.Primary, none.Replicas, none.OwnRole = nil, nil, pluginv1.OwnRole_OWN_ROLE_NONE
	if after := r.mustApply(t, none); after == r.effect {
		t.Error("the loss of the primary changed nothing")
	}
}

// pause: a router that cannot says so, in Info and in the call; one that can resumes as often as asked.
func (r *routerStory) pause(t *testing.T) {
	info, err := pluginv1.NewBaseClient(r.conn).Info(within(t, Patience), &pluginv1.InfoRequest{})
	if err != nil {
		t.Fatalf("info: %v", err)
	}
	want := []codes.Code{codes.Unimplemented, codes.Unimplemented, codes.Unimplemented}
	if slices.Contains(info.GetCapabilities(), "router.pause") {
		want = []codes.Code{codes.Aborted, codes.OK, codes.OK}
	}
	_, stale := r.client.Pause(within(t, Patience), pauseAt(5))
	_, pause := r.client.Pause(within(t, Patience), pauseAt(6))
	_, resume := r.client.Resume(within(t, Patience), &pluginv1.ResumeRequest{Epoch: 6})
	_, again := r.client.Resume(within(t, Patience), &pluginv1.ResumeRequest{Epoch: 6})
	got := []codes.Code{status.Code(stale), status.Code(pause), status.Code(resume)}
	if !slices.Equal(got, want) || status.Code(again) != want[2] {
		t.Errorf("pause of an older epoch, pause, resume: got %v and then %v, want %v", got, again, want)
	}
	if want[1] == codes.OK {
		r.hold(t)
	}
}

// hold: a pause that nobody ends lasts for hold_ns, and ends by itself.
func (r *routerStory) hold(t *testing.T) {
	t.Helper()
	before, asked := r.Effect(t), time.Now()
	if _, err := r.client.Pause(within(t, Patience), pauseAt(6)); err != nil {
		t.Fatalf("pause: %v", err)
	}
	if r.Effect(t) == before {
		t.Error("a pause changed nothing")
	}
	Eventually(t, "the pause has ended by itself", func() bool { return r.Effect(t) == before })
	if took := time.Since(asked); took < holdFor || took > holdFor+5*time.Second {
		t.Errorf("the pause lasted %s, and hold_ns was %s", took, holdFor)
	}
}

// examine: a plugin that only looks can be asked, and neither it nor its end has an effect.
func (r *routerStory) examine(t *testing.T) {
	info, err := pluginv1.NewBaseClient(r.conn).Info(within(t, Patience), &pluginv1.InfoRequest{})
	if err != nil {
		t.Fatalf("info: %v", err)
	}
	if offered := slices.Contains(info.GetCapabilities(), "router.examine"); offered != (r.Examine != nil) {
		t.Fatalf("offers router.examine: %v, and the suite was given a way to try it: %v", offered, r.Examine != nil)
	}
	if r.Examine == nil {
		return
	}
	before := r.mustApply(t, routesAt(6))
	conn := r.Examine(t)
	health, err := pluginv1.NewBaseClient(conn).Health(within(t, Patience), &pluginv1.HealthRequest{})
	if err != nil || health.GetMessage() == "" {
		t.Errorf("health of a plugin that looks: %v, %v", health, err)
	}
	stop(t, conn)
	if after := r.Effect(t); after != before {
		t.Errorf("a plugin that was only to look changed the effect\nfrom %s\nto   %s", before, after)
	}
}

// restart: what a new process finds on disk still refuses an older epoch.
func (r *routerStory) restart(t *testing.T) {
	conn := r.Connect(t)
	_, err := pluginv1.NewRouterClient(conn).Apply(within(t, Patience), routesAt(5))
	if got := status.Code(err); got != codes.Aborted {
		t.Errorf("older epoch after a restart: got %s, want %s", got, codes.Aborted)
	}
}

// holdFor is how long pauses of the suite may last.
const holdFor = 3 * time.Second

func pauseAt(epoch uint64) *pluginv1.PauseRequest {
	return &pluginv1.PauseRequest{Epoch: epoch, WaitNs: int64(time.Second), HoldNs: int64(holdFor)}
}

// swapped are the routes after a switchover.
func swapped(epoch uint64) *pluginv1.RouterApplyRequest {
	r := routesAt(epoch)
	r.Primary, r.Replicas[0] = r.GetReplicas()[0], r.GetPrimary()
	r.OwnRole = pluginv1.OwnRole_OWN_ROLE_STANDBY
	return r
}

// routesAt is a cluster of two in which the own member m1 is the primary.
func routesAt(epoch uint64) *pluginv1.RouterApplyRequest {
	return &pluginv1.RouterApplyRequest{
		Epoch:    epoch,
		Primary:  &pluginv1.Endpoint{Name: "m1", Host: "127.0.0.1", Port: 5432},
		Replicas: []*pluginv1.Endpoint{{Name: "m2", Host: "127.0.0.2", Port: 5432, LagBytes: 16, Tags: map[string]string{"site": "a"}}},
		OwnRole:  pluginv1.OwnRole_OWN_ROLE_PRIMARY,
	}
}
