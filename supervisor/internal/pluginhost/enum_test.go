// SPDX-License-Identifier: Apache-2.0

package pluginhost

import (
	"fmt"
	"testing"

	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkEnum holds a translation to the protocol: every value but 0 has one, of its own; 0 and the first value
// that is not defined yet are errors.
func checkEnum[E ~int32, V comparable](t *testing.T, d protoreflect.EnumDescriptor, translate func(E) (V, error)) {
	t.Helper()
	seen := map[V]E{}
	for i := range d.Values().Len() + 1 {
		v, err := translate(E(i))
		if valid := i > 0 && i < d.Values().Len(); valid != (err == nil) {
			t.Errorf("%s %d: error %v", d.Name(), i, err)
		}
		if err != nil {
			continue
		}
		if other, ok := seen[v]; ok {
			t.Errorf("%s %d and %d both became %v", d.Name(), other, i, v)
		}
		seen[v] = E(i)
	}
}

func TestEveryEnumValueIsTranslatedOrRefused(t *testing.T) {
	checkEnum(t, pluginv1.Kind(0).Descriptor(), kindFromWire)
	checkEnum(t, pluginv1.Type(0).Descriptor(), typeFromWire)
	checkEnum(t, pluginv1.Severity(0).Descriptor(), severityFromWire)
	checkEnum(t, pluginv1.Status(0).Descriptor(), statusFromWire)
	checkEnum(t, pluginv1.Role(0).Descriptor(), roleFromWire)
	checkEnum(t, pluginv1.Outcome(0).Descriptor(), func(o pluginv1.Outcome) (string, error) {
		outcome, conflict, err := commitOutcomeFromWire(o)
		return fmt.Sprint(outcome, conflict), err
	})
}

// TestNoEnumIsForgotten fails when the protocol gains an enum that the test above does not know.
func TestNoEnumIsForgotten(t *testing.T) {
	n := 0
	for _, f := range []protoreflect.FileDescriptor{
		pluginv1.File_plugin_v1_base_proto, pluginv1.File_plugin_v1_dcs_proto,
		pluginv1.File_plugin_v1_postgres_proto, pluginv1.File_plugin_v1_router_proto,
	} {
		n += f.Enums().Len()
	}
	if n != 7 { // the six above, and OwnRole, which is only sent
		t.Errorf("the protocol has %d enums", n)
	}
}

func TestRequiredCapabilitiesNameRPCs(t *testing.T) {
	services := map[Kind]protoreflect.ServiceDescriptor{
		KindDCS:      pluginv1.File_plugin_v1_dcs_proto.Services().ByName("DCS"),
		KindPostgres: pluginv1.File_plugin_v1_postgres_proto.Services().ByName("Postgres"),
	}
	for kind, service := range services {
		required := RequiredCapabilities(kind)
		if len(required) != service.Methods().Len() {
			t.Errorf("%s has %d methods, but %v are required", kind, service.Methods().Len(), required)
		}
	}
}
