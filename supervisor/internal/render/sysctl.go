// SPDX-License-Identifier: Apache-2.0

package render

// Sysctl is a file of kernel settings, the same for the hosts of every cluster.
const Sysctl = `# Kernel settings for hosts with HAProxy, PgBouncer or Keepalived: /etc/sysctl.d/90-pgvigil.conf
# In force with: sysctl --system

# Lets HAProxy and PgBouncer listen on the VIP while another host has it. Where they listen on all addresses, as in what
# pgvigil render prints, it is not needed.
net.ipv4.ip_nonlocal_bind = 1
net.ipv6.ip_nonlocal_bind = 1

# After a failover all clients come back at once; so many may wait to be accepted. The default was 128 before Linux 5.4.
net.core.somaxconn = 4096

# Connections to a host that is gone end after some 100 seconds instead of 15 minutes, where a program sets no limit of its own: so
# often is data sent again that nobody confirms. 8 is the least that RFC 1122 allows.
net.ipv4.tcp_retries2 = 8
`
