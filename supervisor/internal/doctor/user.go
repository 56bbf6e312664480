// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"os"
	"os/user"
	"strconv"
)

// user tells whose rights the other findings are about.
func (d *Doctor) user(_ context.Context, r *report) {
	const id = "user.account"
	name := d.Config.Server.User
	wanted, err := user.Lookup(name)
	euid := strconv.Itoa(os.Geteuid())
	switch {
	case d.Account != nil:
		r.fail(id, "", "%v", d.Account)
	case errors.As(err, new(user.UnknownUserError)):
		r.fail(id, "useradd --system "+name+", or set user in block postgres",
			"there is no user %q, who PostgreSQL is to run as", name)
	case err != nil:
		r.fail(id, "", "%v", err)
	case wanted.Uid != euid:
		r.warn(id, "run pgvigil doctor as root or as "+name,
			"the supervisor runs as %s, this is user id %s: what is said of files and sockets is true for that one only", name,
			euid)
	default:
		r.ok(id, "%s, user id %s; what follows is seen with that user's rights", name, euid)
	}
}
