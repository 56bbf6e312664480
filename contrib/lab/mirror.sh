#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the Debian mirror that this machine's own apt sources name.

set -euo pipefail

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
uri=$(apt-get indextargets "Codename: $codename" 'Created-By: Packages' 'Label: Debian' --format '$(REPO_URI)' | head -1)
[[ -n $uri ]] || { echo "mirror: no Debian mirror for $codename among the apt sources of this machine (run apt-get update?)" >&2; exit 1; }
echo "${uri%/}"
