// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"os/exec"
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
			c.Server != (Server{Host: address, Port: 5432, UseRewind: true, RemoveDataOnRewindFailure: true, DataDir: "/var/lib/pgsql/17/data", User: "postgres"}) {
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

// The examples' blocks are right by the schemas of the plugins themselves.
func TestExamplesFitThePlugins(t *testing.T) {
	schemas := map[string]Block{"etcd": schemaOf(t, "etcd"), "postgres": schemaOf(t, "postgres")}
	for _, example := range []string{"three-hosts", "embedded-dcs"} {
		for name := range hosts {
			c := mustLoadExample(t, example, name)
			for _, block := range c.Plugins() {
				if js, _, diags := c.DecodePlugin(block, schemas[block.Name]); js == nil || len(diags.List) > 0 {
					t.Errorf("%s", linesOf(diags))
				}
			}
		}
	}
}

// The embedded block is the etcd plugin's too: what this room takes, the plugin takes.
func TestEmbeddedFitsThePlugin(t *testing.T) {
	plugin, ours := schemaOf(t, "etcd"), EmbeddedSchema()
	theirs := plugin.block("embedded")
	if theirs == nil {
		t.Fatal("the plugin knows no embedded block")
	}
	for _, a := range ours.Attributes {
		b := theirs.Body.attribute(a.Name)
		if b == nil || b.Type != a.Type || b.Required != a.Required {
			t.Errorf("%s: %+v, the plugin has %+v", a.Name, a, b)
		}
	}
	if len(theirs.Body.Attributes) != len(ours.Attributes) {
		t.Errorf("the plugin has %q", theirs.Body.attributeNames())
	}
}

// schemaOf asks a plugin for its schema.
func schemaOf(t *testing.T, plugin string) Block {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "run", "./plugins/"+plugin, "--schema")
	cmd.Dir, cmd.Stderr = "../../..", &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var schema jsonBlock
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return schema.block()
}

// jsonBlock is a schema as plugins print it.
type jsonBlock struct {
	Attributes []struct {
		Name, Type, DefaultJSON, Description string
		Required, Sensitive                  bool
		OneOf                                []string
		Minimum, Maximum                     *float64
	}
	Blocks []struct {
		Type, Description  string
		Labels             []string
		Required, Repeated bool
		Body               jsonBlock
	}
}

func (j jsonBlock) block() Block {
	types := map[string]Type{
		"TYPE_STRING": String, "TYPE_NUMBER": Number, "TYPE_BOOL": Bool, "TYPE_DURATION": Duration,
		"TYPE_SIZE": Size, "TYPE_STRING_LIST": StringList, "TYPE_STRING_MAP": StringMap,
	}
	var out Block
	for _, a := range j.Attributes {
		out.Attributes = append(out.Attributes, Attribute{
			Name: a.Name, Type: types[a.Type], Required: a.Required, Default: a.DefaultJSON, Description: a.Description,
			Sensitive: a.Sensitive, OneOf: a.OneOf, Minimum: a.Minimum, Maximum: a.Maximum,
		})
	}
	for _, b := range j.Blocks {
		out.Blocks = append(out.Blocks, NestedBlock{
			Type: b.Type, Labels: b.Labels, Required: b.Required, Repeated: b.Repeated, Body: b.Body.block(), Description: b.Description,
		})
	}
	return out
}

func mustLoadExample(t *testing.T, example, name string) *Config {
	t.Helper()
	c, diags := testLoader().Load(filepath.Join(examples, example, name+".hcl"))
	if c == nil || len(diags.List) > 0 {
		t.Fatal(linesOf(diags))
	}
	return c
}
