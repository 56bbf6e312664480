// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pluginv1 "github.com/pgvigil/pgvigil/proto/plugin/v1"
	"pgregory.net/rapid"
)

// bodySchema has every type, a bounded and a secret attribute, and blocks with and without labels.
func bodySchema() *pluginv1.Block {
	return &pluginv1.Block{
		Attributes: []*pluginv1.Attribute{
			{Name: "s", Type: pluginv1.Type_TYPE_STRING, Required: true},
			{Name: "choice", Type: pluginv1.Type_TYPE_STRING, OneOf: []string{"x", "y"}, Sensitive: true},
			{Name: "n", Type: pluginv1.Type_TYPE_NUMBER, Minimum: new(1.0), Maximum: new(10.0)},
			{Name: "b", Type: pluginv1.Type_TYPE_BOOL},
			{Name: "d", Type: pluginv1.Type_TYPE_DURATION},
			{Name: "size", Type: pluginv1.Type_TYPE_SIZE},
			{Name: "l", Type: pluginv1.Type_TYPE_STRING_LIST},
			{Name: "m", Type: pluginv1.Type_TYPE_STRING_MAP},
		},
		Blocks: []*pluginv1.NestedBlock{
			{Type: "one", Body: &pluginv1.Block{Attributes: []*pluginv1.Attribute{{Name: "a", Type: pluginv1.Type_TYPE_BOOL}}}},
			{Type: "many", Repeated: true, Labels: []string{"name"}, Body: &pluginv1.Block{}},
		},
	}
}

func TestCheckBody(t *testing.T) {
	tests := map[string]string{
		`{"s":"","choice":"x","n":1.5,"b":false,"d":1000,"size":0,"l":[],"m":{"a":"b"},"one":{"a":true},"many":[{"_label1":"x"}]}`: "",
		`{"s":"x","n":null,"one":null}`:             "",
		`{"s":"x","many":[]}`:                       "",
		``:                                          "",
		`{}`:                                        "s",
		`{"s":null}`:                                "s",
		`{"s":1}`:                                   "s",
		`{"s":"x","choice":"z"}`:                    "choice",
		`{"s":"x","n":0.5}`:                         "n",
		`{"s":"x","n":10.5}`:                        "n",
		`{"s":"x","n":1e999}`:                       "n",
		`{"s":"x","b":"true"}`:                      "b",
		`{"s":"x","d":1.5}`:                         "d",
		`{"s":"x","d":"10s"}`:                       "d",
		`{"s":"x","size":99999999999999999999}`:     "size",
		`{"s":"x","l":"x"}`:                         "l",
		`{"s":"x","l":["x",1]}`:                     "l",
		`{"s":"x","m":{"a":1}}`:                     "m",
		`{"s":"x","m":[]}`:                          "m",
		`{"s":"x","what":1}`:                        "what",
		`{"s":"x","_label1":"x"}`:                   "_label1",
		`{"s":"x","one":[{"a":true}]}`:              "one",
		`{"s":"x","one":{"a":1}}`:                   "one a",
		`{"s":"x","one":{"z":1}}`:                   "one z",
		`{"s":"x","one":1}`:                         "one",
		`{"s":"x","many":{"_label1":"x"}}`:          "many",
		`{"s":"x","many":[{"_label1":"x"},{}]}`:     "many 1 _label1",
		`{"s":"x","many":[1]}`:                      "many 0",
		`{"s":"x","many":[{"_label1":"x","z":""}]}`: "many 0 z",
	}
	for body, want := range tests {
		t.Run(body, func(t *testing.T) {
			found := checkBody(bodySchema(), []byte(body))
			wantFindings := 1
			if want == "" && body != "" {
				wantFindings = 0
			}
			if len(found) != wantFindings {
				t.Fatalf("got %v, want %d findings", found, wantFindings)
			}
			if wantFindings == 0 {
				return
			}
			if diff := cmp.Diff(want, strings.Join(found[0].GetPath(), " ")); diff != "" {
				t.Errorf("path (-want +got):\n%s", diff)
			}
			if d := found[0]; d.GetSummary() == "" || d.GetDetail() == "" || !HasErrors(found) {
				t.Errorf("finding is not complete: %v", d)
			}
		})
	}
}

// TestCheckBodySecrets: a finding never repeats what was set.
func TestCheckBodySecrets(t *testing.T) {
	for _, d := range checkBody(bodySchema(), []byte(`{"s":"x","choice":"hunter2"}`)) {
		if strings.Contains(d.String(), "hunter2") {
			t.Errorf("finding repeats the value: %v", d)
		}
	}
}

// TestCheckBodyAnything: no body, however strange, makes the check panic, and one that it takes decodes.
func TestCheckBodyAnything(t *testing.T) {
	schema := bodySchema()
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any]("x"), rapid.Just[any](3),
		rapid.Just[any]([]any{"x"}), rapid.Just[any](map[string]any{"a": true}),
		rapid.Just[any]([]any{map[string]any{"_label1": "x"}}),
	)
	names := rapid.SampledFrom([]string{"s", "choice", "n", "b", "d", "size", "l", "m", "one", "many", "?"})
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.MapOf(names, leaf).Draw(t, "body")
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if found := checkBody(schema, raw); len(found) == 0 && body["s"] != "x" {
			t.Fatalf("%s was taken without its required attribute", raw)
		}
		cut := rapid.IntRange(0, len(raw)-1).Draw(t, "cut")
		if found := checkBody(schema, raw[:cut]); !HasErrors(found) {
			t.Fatalf("%s cut off at %d was taken", raw, cut)
		}
	})
}
