// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"strings"
	"testing"
)

func TestOnlyTheClustersProcessesAreMeant(t *testing.T) {
	paths := []string{"/run/lifeboat-cluster/", "/var/lib/lifeboat-cluster/"}
	cases := map[string]bool{
		"/root/.cache/lifeboat/bin/containerd-v2/containerd-shim -address /run/lifeboat-cluster/containerd.sock": true,
		"/root/.cache/lifeboat/bin/kube-v1/kubelet --config=/var/lib/lifeboat-cluster/config/kubelet.yaml":       true,
		// An API server test uses the same binary with folders of its own.
		"/root/.cache/lifeboat/bin/kube-v1/kube-apiserver --cert-dir=/tmp/k8s_test": false,
		"tail -f /var/lib/lifeboat-cluster/logs/kubelet.log":                        false,
	}
	for line, want := range cases {
		if got := mentions([]byte(strings.ReplaceAll(line, " ", "\x00")), paths); got != want {
			t.Errorf("mentions(%q) = %v, want %v", line, got, want)
		}
	}
}

func TestMountPointsWithBlanksAreReadBack(t *testing.T) {
	if got := unescape(`/a\040b\134c`); got != `/a b\c` {
		t.Errorf("unescape = %q", got)
	}
}

func TestOurChainsAreToldFromOthers(t *testing.T) {
	for chain, want := range map[string]bool{
		"KUBE-SERVICES": true, "CNI-HOSTPORT-DNAT": true, forwardChain: true,
		"DOCKER": false, "FORWARD": false, "MY-KUBE-CHAIN": false,
	} {
		if got := ourChains.MatchString(chain); got != want {
			t.Errorf("ours(%s) = %v, want %v", chain, got, want)
		}
	}
}
