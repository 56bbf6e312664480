#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# boot.sh ROOT DIR CGROUP [NETWORK]: boots the system in ROOT, which stays as it is, as a host of its own: namespaces, a file system
# that keeps its changes in DIR, and a control group. It runs as long as the host does. NETWORK is a namespace that is there.
set -e
mkdir -p "$2/upper" "$2/work" "$2/root"
echo $$ >"$3/cgroup.procs"
exec nsenter ${4:+"--net=/run/netns/$4"} unshare --mount --uts --ipc $([ -n "$4" ] || echo --net) --pid --cgroup --fork --kill-child --propagation private sh -ec '
cd "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" .
cd "$2/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for d in null zero full random urandom tty; do
    : >"dev/$d"
    mount --bind "/dev/$d" "dev/$d"
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
pivot_root . mnt
umount -l mnt
exec env -i container=lab PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd --log-target=journal
' sh "$1" "$2"
