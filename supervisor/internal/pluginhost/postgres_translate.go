// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"fmt"
	"math"
	"time"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

func bootstrapToWire(a core.Action) *pluginv1.BootstrapRequest {
	return &pluginv1.BootstrapRequest{Epoch: uint64(a.Epoch)}
}

func cloneToWire(a core.Action) *pluginv1.CloneRequest {
	return &pluginv1.CloneRequest{Epoch: uint64(a.Epoch), Source: peerToWire(a.Peer), Replace: a.Replace}
}

func startToWire(a core.Action) *pluginv1.StartRequest {
	return &pluginv1.StartRequest{Epoch: uint64(a.Epoch), Upstream: peerToWire(a.Peer)}
}

func stopToWire(a core.Action) *pluginv1.PostgresStopRequest {
	return &pluginv1.PostgresStopRequest{Epoch: uint64(a.Epoch), PatienceNs: int64(a.Patience)}
}

// promoteToWire passes the action's timeline as it is: both sides mean a bound that the new one must exceed.
func promoteToWire(a core.Action) *pluginv1.PromoteRequest {
	return &pluginv1.PromoteRequest{
		Epoch: uint64(a.Epoch), MinTimeline: uint32(a.Timeline),
		Members: a.Members, SynchronousStandbyNames: a.Sync.String(),
	}
}

func rewindToWire(a core.Action) *pluginv1.RewindRequest {
	return &pluginv1.RewindRequest{Epoch: uint64(a.Epoch), Source: peerToWire(a.Peer)}
}

func checkpointToWire(a core.Action) *pluginv1.CheckpointRequest {
	return &pluginv1.CheckpointRequest{Epoch: uint64(a.Epoch)}
}

func followToWire(a core.Action) *pluginv1.FollowRequest {
	return &pluginv1.FollowRequest{Epoch: uint64(a.Epoch), Upstream: peerToWire(a.Peer)}
}

func detachToWire(a core.Action) *pluginv1.DetachRequest {
	return &pluginv1.DetachRequest{Epoch: uint64(a.Epoch)}
}

func detachNote(r *pluginv1.DetachResponse) string {
	return fmt.Sprintf("detached at %s on timeline %d", core.LSN(r.GetLsn()), r.GetTimeline())
}

func applyToWire(a core.Action) *pluginv1.ApplyRequest {
	return &pluginv1.ApplyRequest{
		Epoch: uint64(a.Epoch), Members: a.Members, SynchronousStandbyNames: a.Sync.String(), Settle: a.Settle,
	}
}

// peerToWire keeps nobody nobody.
func peerToWire(p *core.Peer) *pluginv1.Peer {
	if p == nil {
		return nil
	}
	return &pluginv1.Peer{Name: p.Name, Host: p.Host, Port: uint32(p.Port), StreamOnly: p.StreamOnly}
}

func jobFromWire(a core.Action, p *pluginv1.Progress) core.Job {
	return core.Job{Kind: a.Kind, Epoch: a.Epoch, Phase: p.GetPhase(), Done: p.GetDoneBytes(), Total: p.GetTotalBytes()}
}

func postgresFromWire(r *pluginv1.ObserveResponse) (core.Postgres, error) {
	status, err := statusFromWire(r.GetStatus())
	if err != nil {
		return core.Postgres{}, err
	}
	role, err := roleFromWire(r.GetRole())
	if err != nil {
		return core.Postgres{}, err
	}
	receiver, err := receiverFromWire(r.GetReceiver())
	if err != nil {
		return core.Postgres{}, err
	}
	return core.Postgres{
		At:             core.Instant(r.GetSampledAtBoottimeNs()),
		Status:         status,
		Role:           role,
		Message:        r.GetMessage(),
		Empty:          r.GetEmpty(),
		HalfRewound:    r.GetHalfRewound(),
		SystemID:       r.GetSystemIdentifier(),
		Timeline:       core.Timeline(r.GetTimeline()),
		LSN:            core.LSN(r.GetLsn()),
		Received:       core.LSN(r.GetReceivedLsn()),
		Replayed:       core.LSN(r.GetReplayedLsn()),
		Receiver:       receiver,
		Senders:        sendersFromWire(r.GetSenders()),
		PostmasterPID:  int(r.GetPostmasterPid()),
		StartedUnix:    r.GetPostmasterStartUnix(),
		ServerVersion:  r.GetServerVersion(),
		PendingRestart: r.GetPendingRestart(),
		Launched:       r.GetLaunched(),
		DataDir:        r.GetDataDir(),
		Upstream:       r.GetUpstream(),
		Restores:       r.GetRestores(),
		Checkpointed:   r.GetCheckpointed(),
		Slots:          r.GetSlots(),
		SyncNames:      r.GetSynchronousStandbyNames(),
		SyncSettled:    r.GetSyncSettled(),
		SyncBarrier:    core.LSN(r.GetSyncBarrierLsn()),
		ReplayPaused:   r.GetReplayPaused(),
		ReplayedAtUnix: r.GetReplayedAtUnixNs() / int64(time.Second),
	}, nil
}

func receiverFromWire(r *pluginv1.Receiver) (*core.Receiver, error) {
	if r == nil {
		return nil, nil
	}
	if r.GetPort() > math.MaxUint16 {
		return nil, fmt.Errorf("wal receiver is connected to port %d", r.GetPort())
	}
	return &core.Receiver{
		Status: r.GetStatus(), Host: r.GetHost(), Port: uint16(r.GetPort()),
		Silence: core.Span(r.GetSilenceNs()), Slot: r.GetSlot(), End: core.LSN(r.GetEndLsn()),
	}, nil
}

func sendersFromWire(list []*pluginv1.Sender) []core.Sender {
	var senders []core.Sender
	for _, s := range list {
		senders = append(senders, core.Sender{
			Member: s.GetMember(), State: s.GetState(), SyncState: s.GetSyncState(),
			Sent: core.LSN(s.GetSentLsn()), Write: core.LSN(s.GetWriteLsn()),
			Flush: core.LSN(s.GetFlushLsn()), Replay: core.LSN(s.GetReplayLsn()),
		})
	}
	return senders
}

func statusFromWire(s pluginv1.Status) (core.Status, error) {
	switch s {
	case pluginv1.Status_STATUS_ABSENT:
		return core.StatusAbsent, nil
	case pluginv1.Status_STATUS_UNUSABLE:
		return core.StatusUnusable, nil
	case pluginv1.Status_STATUS_STOPPED:
		return core.StatusStopped, nil
	case pluginv1.Status_STATUS_CRASHED:
		return core.StatusCrashed, nil
	case pluginv1.Status_STATUS_STARTING:
		return core.StatusStarting, nil
	case pluginv1.Status_STATUS_RUNNING:
		return core.StatusRunning, nil
	case pluginv1.Status_STATUS_STOPPING:
		return core.StatusStopping, nil
	case pluginv1.Status_STATUS_HUNG:
		return core.StatusHung, nil
	}
	return "", unknownEnum(s)
}

func roleFromWire(r pluginv1.Role) (core.Role, error) {
	switch r {
	case pluginv1.Role_ROLE_UNKNOWN:
		return core.RoleUnknown, nil
	case pluginv1.Role_ROLE_PRIMARY:
		return core.RolePrimary, nil
	case pluginv1.Role_ROLE_STANDBY:
		return core.RoleStandby, nil
	}
	return "", unknownEnum(r)
}
