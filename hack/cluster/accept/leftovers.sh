#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fails when the cluster, after it was taken down, left anything on the machine.
set -u

found=0
# look WHAT, with the findings on standard input
look() {
	text=$(cat)
	if [ -n "$text" ]; then
		printf 'left over: %s\n%s\n' "$1" "$text"
		found=1
	fi
}

for pid in $(ls /proc | grep '^[0-9]*$'); do
	# envtest runs some of the same binaries, with folders of its own.
	{ tr "\\0" " " <"/proc/$pid/cmdline"; } 2>/dev/null | grep -E '^[^ ]*/lifeboat/bin/.*/(lib|run)/lifeboat-cluster'
done | look processes
grep -E 'lifeboat-cluster|/kubelet' /proc/mounts | look mounts
grep -l lifeboat-cluster /sys/block/loop*/loop/backing_file 2>/dev/null | look 'loop devices'
ip -o link | grep -E 'cni0|veth' | look 'network interfaces'
{ iptables-save; ip6tables-save; } 2>/dev/null | grep -E 'KUBE-|CNI-|LIFEBOAT-' | look 'iptables chains'
find /sys/fs/cgroup -maxdepth 3 -type d -name 'kubepods*' 2>/dev/null | look 'control groups'
ls -d /var/lib/lifeboat-cluster /run/lifeboat-cluster 2>/dev/null | look folders
[ $found -eq 0 ] && echo 'nothing is left of the cluster'
exit $found
