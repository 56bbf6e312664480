// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"fmt"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"github.com/pgvigil/pgvigil/supervisor/internal/core"
)

func routesToWire(r core.Routes) (*pluginv1.RouterApplyRequest, error) {
	role, err := ownRoleToWire(r.OwnRole)
	if err != nil {
		return nil, err
	}
	request := &pluginv1.RouterApplyRequest{Epoch: uint64(r.Epoch), OwnRole: role}
	if r.Primary != nil {
		request.Primary = endpointToWire(*r.Primary)
	}
	for _, replica := range r.Replicas {
		request.Replicas = append(request.Replicas, endpointToWire(replica))
	}
	return request, nil
}

func endpointToWire(e core.Endpoint) *pluginv1.Endpoint {
	return &pluginv1.Endpoint{Name: e.Name, Host: e.Host, Port: uint32(e.Port), LagBytes: e.LagBytes, Tags: e.Tags}
}

func ownRoleToWire(r core.Role) (pluginv1.OwnRole, error) {
	switch r {
	case core.RolePrimary:
		return pluginv1.OwnRole_OWN_ROLE_PRIMARY, nil
	case core.RoleStandby:
		return pluginv1.OwnRole_OWN_ROLE_STANDBY, nil
	case core.RoleUnknown:
		return pluginv1.OwnRole_OWN_ROLE_NONE, nil
	}
	return pluginv1.OwnRole_OWN_ROLE_UNSPECIFIED, fmt.Errorf("role %q is not one a router knows", r)
}
