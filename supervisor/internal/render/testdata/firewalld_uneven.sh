#!/bin/sh
# firewalld for the cluster "uneven": have a look, then run it as root, on every host. It may be run again.
set -e

# What the cluster's hosts need of each other.
cat > /etc/firewalld/services/pgvigil-hosts.xml << 'XML'
<?xml version="1.0" encoding="utf-8"?>
<service>
  <short>pgvigil, hosts</short>
  <description>What the hosts of a PostgreSQL cluster kept by pgvigil need of each other.</description>
  <!-- PostgreSQL: replication, rewinding, base backups; HAProxy and PgBouncer on other hosts. -->
  <port protocol="tcp" port="5432"/>
  <port protocol="tcp" port="5433"/>
  <!-- REST interface: health checks, and pgvigil on other hosts. UDP: heartbeats, with durability = "quorum". -->
  <port protocol="tcp" port="8008"/>
  <port protocol="udp" port="8008"/>
  <port protocol="tcp" port="9008"/>
  <port protocol="udp" port="9008"/>
  <!-- Keepalived. -->
  <protocol value="vrrp"/>
</service>
XML

# What applications need.
cat > /etc/firewalld/services/pgvigil-clients.xml << 'XML'
<?xml version="1.0" encoding="utf-8"?>
<service>
  <short>pgvigil, clients</short>
  <description>Where applications reach a PostgreSQL cluster kept by pgvigil.</description>
  <!-- HAProxy: writes, reads. -->
  <port protocol="tcp" port="5000"/>
  <port protocol="tcp" port="5001"/>
  <!-- PgBouncer. -->
  <port protocol="tcp" port="6432"/>
  <!-- PostgreSQL, if applications connect to it directly, as with a VIP that follows the primary:
  <port protocol="tcp" port="5432"/>
  <port protocol="tcp" port="5433"/>
  -->
</service>
XML

# Has firewalld read the services. What is set up in it without --permanent is lost.
firewall-cmd --reload

# These are for the default zone; for another, add --zone=ZONE.
firewall-cmd --permanent --add-service=pgvigil-clients
# The hosts alone: whoever reaches etcd can make anybody primary.
firewall-cmd --permanent --add-rich-rule='rule family="ipv6" source address="fd00::1" service name="pgvigil-hosts" accept'
firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.0.0.2" service name="pgvigil-hosts" accept'
# HAProxy's statistics, for the network of those who may see them:
#firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="192.0.2.0/24" port port="7000" protocol="tcp" accept'

firewall-cmd --reload
