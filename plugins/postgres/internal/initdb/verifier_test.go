// SPDX-License-Identifier: Apache-2.0

package initdb

import (
	"encoding/base64"
	"testing"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

// The example of RFC 7677: password "pencil".
func TestScram(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scram("pencil", salt, 4096)
	want := "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestMatches(t *testing.T) {
	fresh, err := scramVerifier("secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, stored := range []string{fresh, md5Verifier("postgres", "secret")} {
		if !Matches(stored, config.Account{Username: "postgres", Password: "secret"}) {
			t.Errorf("%s is not the password", stored)
		}
		if Matches(stored, config.Account{Username: "postgres", Password: "other"}) {
			t.Errorf("%s is another password", stored)
		}
	}
}

func TestMD5(t *testing.T) {
	if got := md5Verifier("postgres", "secret"); got != "md553f48b7c4b76a86ce72276c5755f217d" {
		t.Errorf("verifier %s", got)
	}
}
