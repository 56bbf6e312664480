// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"testing"
	"time"
)

const examples = "../../../contrib/examples"

// hosts of both examples.
var hosts = map[string]string{"mdw": "10.0.0.1", "standby": "10.0.0.2", "standby1": "10.0.0.3"}

func TestThreeHosts(t *testing.T) {
	for name, address := range hosts {
		c := mustLoadExample(t, "three-hosts", name)
		if c.Cluster != (Cluster{Name: "demo", Namespace: "/service", Member: name}) || c.API.Connect != address+":8008" ||
			c.Server != (Server{Host: address, Port: 5432, UseRewind: true, RemoveDataOnRewindFailure: true}) {
			t.Errorf("%s: %+v %+v %+v", name, c.Cluster, c.API, c.Server)
		}
		if want := (Watchdog{Mode: "required", Device: "/dev/watchdog", SafetyMargin: 5 * time.Second, Timeout: 25 * time.Second}); c.Watchdog != want {
			t.Errorf("%s: %+v", name, c.Watchdog)
		}
		if e, diags := c.Embedded(); e != nil || len(diags.List) > 0 {
			t.Errorf("%s: an embedded DCS", name)
		}
	}
}

func TestEmbeddedDCSExample(t *testing.T) {
	for name, address := range hosts {
		c := mustLoadExample(t, "embedded-dcs", name)
		e, diags := c.Embedded()
		if e == nil || len(diags.List) > 0 {
			t.Fatalf("%s: %s", name, linesOf(diags))
		}
		if e.Name != name || e.Members[name] != e.ListenPeer || e.ListenClient != "http://"+address+":2379" || len(e.Endpoints) != 3 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func mustLoadExample(t *testing.T, example, name string) *Config {
	t.Helper()
	c, diags := testLoader().Load(filepath.Join(examples, example, name+".hcl"))
	if c == nil || len(diags.List) > 0 {
		t.Fatal(linesOf(diags))
	}
	return c
}
