// SPDX-License-Identifier: Apache-2.0

package initdb

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/text/secure/precis"

	"github.com/pgvigil/pgvigil/plugins/postgres/internal/config"
)

const (
	scramIterations = 4096
	scramSalt       = 16
)

// scramVerifier is what PostgreSQL stores for a password, with a salt of its own.
func scramVerifier(password string) (string, error) {
	salt := make([]byte, scramSalt)
	_, _ = rand.Read(salt) // never fails
	return scram(password, salt, scramIterations)
}

func scram(password string, salt []byte, iterations int) (string, error) {
	if prepared, err := precis.OpaqueString.String(password); err == nil {
		password = prepared // otherwise the bytes as they are, as PostgreSQL and its clients do
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("password verifier: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key"))), nil
}

// Matches tells whether what PostgreSQL stores for a role is the account's password.
func Matches(stored string, a config.Account) bool {
	var salt string
	var iterations int
	if n, _ := fmt.Sscanf(strings.Replace(stored, "$", " ", 1), "SCRAM-SHA-256 %d:%s", &iterations, &salt); n == 2 {
		salt, _, _ = strings.Cut(salt, "$")
		raw, err := base64.StdEncoding.DecodeString(salt)
		if err != nil {
			return false
		}
		want, err := scram(a.Password, raw, iterations)
		return err == nil && want == stored
	}
	return stored == md5Verifier(a.Username, a.Password)
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// md5Verifier is what PostgreSQL stores for a password with password_encryption = md5.
func md5Verifier(user, password string) string {
	sum := md5.Sum([]byte(password + user))
	return "md5" + hex.EncodeToString(sum[:])
}
