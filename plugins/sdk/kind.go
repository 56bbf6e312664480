// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"github.com/pgvigil/pgvigil/proto/handshake"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/grpc"
)

// kind of the plugin by the service that is set; KIND_UNSPECIFIED unless it is exactly one.
func (p Plugin) kind() pluginv1.Kind {
	var set []pluginv1.Kind
	if p.DCS != nil {
		set = append(set, pluginv1.Kind_KIND_DCS)
	}
	if p.Postgres != nil {
		set = append(set, pluginv1.Kind_KIND_POSTGRES)
	}
	if p.Router != nil {
		set = append(set, pluginv1.Kind_KIND_ROUTER)
	}
	if len(set) != 1 {
		return pluginv1.Kind_KIND_UNSPECIFIED
	}
	return set[0]
}

// kindName is the kind as configuration and capabilities spell it; empty for none.
func kindName(k pluginv1.Kind) string {
	switch k {
	case pluginv1.Kind_KIND_DCS:
		return handshake.KindDCS
	case pluginv1.Kind_KIND_POSTGRES:
		return handshake.KindPostgres
	case pluginv1.Kind_KIND_ROUTER:
		return handshake.KindRouter
	default:
		return ""
	}
}

// registerKind registers the one service that is set.
func (p Plugin) registerKind(r grpc.ServiceRegistrar) {
	switch p.kind() {
	case pluginv1.Kind_KIND_DCS:
		pluginv1.RegisterDCSServer(r, p.DCS)
	case pluginv1.Kind_KIND_POSTGRES:
		pluginv1.RegisterPostgresServer(r, p.Postgres)
	case pluginv1.Kind_KIND_ROUTER:
		pluginv1.RegisterRouterServer(r, p.Router)
	}
}

// schema of the body, never nil.
func (p Plugin) schema() *pluginv1.Block {
	if p.Schema == nil {
		return &pluginv1.Block{}
	}
	return p.Schema
}
