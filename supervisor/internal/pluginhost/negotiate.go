// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

// Info is who a plugin says it is.
type Info struct {
	Name         string
	Kind         Kind
	Version      string
	APIVersions  []uint32
	Capabilities []string
}

// Can tells whether the plugin declared a capability, such as "router.pause".
func (i Info) Can(capability string) bool { return slices.Contains(i.Capabilities, capability) }

// askInfo asks the plugin who it is and refuses one that is not what the spec wants.
func (s *session) askInfo(ctx context.Context) (Info, error) {
	answer, err := s.base.Info(ctx, &pluginv1.InfoRequest{})
	if err != nil {
		return Info{}, fmt.Errorf("info of plugin: %w", err)
	}
	kind, err := kindFromWire(answer.GetKind())
	if err != nil {
		return Info{}, refusef("info of plugin: %w", err)
	}
	info := Info{
		Name: answer.GetName(), Kind: kind, Version: answer.GetVersion(),
		APIVersions: answer.GetApiVersions(), Capabilities: answer.GetCapabilities(),
	}
	return info, checkInfo(s.spec, info)
}

func checkInfo(spec Spec, info Info) error {
	switch {
	case info.Kind != spec.Kind:
		return refusef("%s is a %s plugin, not a %s plugin", spec.Command, info.Kind, spec.Kind)
	case info.Name != spec.Name:
		return refusef("%s calls itself %q, but the configuration calls it %q", spec.Command, info.Name, spec.Name)
	case !slices.Contains(info.APIVersions, handshake.ProtocolVersion):
		return refusef("plugin %s %s speaks API versions %v, this supervisor version %d", info.Name, info.Version, info.APIVersions, handshake.ProtocolVersion)
	}
	missing := slices.DeleteFunc(RequiredCapabilities(spec.Kind), info.Can)
	if len(missing) > 0 {
		return refusef("plugin %s %s lacks the capabilities %s", info.Name, info.Version, strings.Join(missing, ", "))
	}
	return nil
}

// RequiredCapabilities lists what a plugin of the kind must be able to do, so that every action the rules can
// emit finds somebody to do it.
func RequiredCapabilities(kind Kind) []string {
	switch kind {
	case KindDCS:
		return []string{"dcs.read", "dcs.commit", "dcs.watch"}
	case KindRouter:
		return []string{"router.apply"}
	case KindPostgres:
		list := []string{"postgres.observe"}
		for _, action := range core.PostgresActions() {
			list = append(list, "postgres."+string(action))
		}
		return list
	}
	return nil
}

func kindFromWire(k pluginv1.Kind) (Kind, error) {
	switch k {
	case pluginv1.Kind_KIND_DCS:
		return KindDCS, nil
	case pluginv1.Kind_KIND_POSTGRES:
		return KindPostgres, nil
	case pluginv1.Kind_KIND_ROUTER:
		return KindRouter, nil
	}
	return "", unknownEnum(k)
}

// unknownEnum is the error for a value the protocol does not define, or never allows on the wire.
func unknownEnum(v fmt.Stringer) error {
	return fmt.Errorf("%T %s: not a value this supervisor knows", v, v)
}
