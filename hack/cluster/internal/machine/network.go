// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Network is the bridge that pods and the control plane share.
type Network struct {
	Bridge, MAC, Address, PrefixBits string
}

// Chains of the cluster's own, next to those of kube-proxy and the CNI plugins.
const (
	forwardChain = "LIFEBOAT-FORWARD"
	inputChain   = "LIFEBOAT-INPUT"
)

// ourChains are all chains that the cluster's processes make.
var ourChains = regexp.MustCompile(`^(KUBE-|CNI-|LIFEBOAT-)`)

// Exists tells whether the bridge is there.
func (n Network) Exists(ctx context.Context) bool {
	_, err := run(ctx, "ip", "link", "show", n.Bridge)
	return err == nil
}

// Up makes the bridge and the rules that keep its traffic on the machine.
func (n Network) Up(ctx context.Context) error {
	if !n.Exists(ctx) {
		if _, err := run(ctx, "ip", "link", "add", n.Bridge, "address", n.MAC, "type", "bridge"); err != nil {
			return err
		}
	}
	if _, err := run(ctx, "ip", "addr", "replace", n.Address+"/"+n.PrefixBits, "dev", n.Bridge); err != nil {
		return err
	}
	if _, err := run(ctx, "ip", "link", "set", n.Bridge, "up"); err != nil {
		return err
	}
	rules := map[string][][]string{
		inputChain: {{"-i", n.Bridge, "-j", "ACCEPT"}},
		forwardChain: {
			{"-i", n.Bridge, "-o", n.Bridge, "-j", "ACCEPT"},
			{"-i", n.Bridge, "-j", "REJECT"},
			{"-o", n.Bridge, "-j", "REJECT"},
		},
	}
	for chain, hook := range map[string]string{inputChain: "INPUT", forwardChain: "FORWARD"} {
		if err := ensureChain(ctx, chain, hook, rules[chain]); err != nil {
			return err
		}
	}
	return nil
}

func ensureChain(ctx context.Context, chain, hook string, rules [][]string) error {
	// It fails when the chain exists, and flushing tells whether it does.
	_, _ = iptables(ctx, "-N", chain)
	if _, err := iptables(ctx, "-F", chain); err != nil {
		return err
	}
	for _, rule := range rules {
		if _, err := iptables(ctx, append([]string{"-A", chain}, rule...)...); err != nil {
			return err
		}
	}
	if _, err := iptables(ctx, "-C", hook, "-j", chain); err == nil {
		return nil
	}
	_, err := iptables(ctx, "-I", hook, "1", "-j", chain)
	return err
}

func iptables(ctx context.Context, args ...string) (string, error) {
	return run(ctx, "iptables", append([]string{"-w"}, args...)...)
}

// Down removes the bridge, the interfaces on it and every chain of the cluster.
func (n Network) Down(ctx context.Context) error {
	if n.Exists(ctx) {
		ports, err := n.ports(ctx)
		if err != nil {
			return err
		}
		for _, link := range append(ports, n.Bridge) {
			// A port vanishes by itself when its network namespace goes.
			if _, err := run(ctx, "ip", "link", "delete", link); err != nil && link == n.Bridge {
				return err
			}
		}
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		if err := removeChains(ctx, family); err != nil {
			return err
		}
	}
	return nil
}

func (n Network) ports(ctx context.Context) ([]string, error) {
	out, err := run(ctx, "ip", "-j", "link", "show", "master", n.Bridge)
	if err != nil {
		return nil, err
	}
	var links []struct {
		Name string `json:"ifname"`
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil && strings.TrimSpace(out) != "" {
		return nil, fmt.Errorf("read the bridge's ports: %w", err)
	}
	var names []string
	for _, l := range links {
		if l.Name != "" {
			names = append(names, l.Name)
		}
	}
	return names, nil
}

// ForeignRules tells whether another Kubernetes has rules on this machine.
func ForeignRules(ctx context.Context) bool {
	out, err := run(ctx, "iptables-save", "-t", "nat")
	return err == nil && strings.Contains(out, ":KUBE-SERVICES ")
}

// removeChains deletes the jumps into the chains first, for a chain in use cannot be deleted.
func removeChains(ctx context.Context, family string) error {
	saved, err := run(ctx, family+"-save")
	if err != nil {
		// A kernel without this family has no chains of ours in it.
		return nil
	}
	table := ""
	var chains [][2]string
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			name, _, _ := strings.Cut(line[1:], " ")
			if ourChains.MatchString(name) {
				chains = append(chains, [2]string{table, name})
			}
		}
	}
	if len(chains) == 0 {
		return nil
	}
	if err := removeJumps(ctx, family, saved); err != nil {
		return err
	}
	for _, flag := range []string{"-F", "-X"} {
		for _, c := range chains {
			if _, err := run(ctx, family, "-w", "-t", c[0], flag, c[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeJumps deletes rules of the built-in chains that lead into ours. The
// saved form is fed back to iptables-restore, which understands its own quoting.
func removeJumps(ctx context.Context, family, saved string) error {
	table := ""
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "*") {
			table = line[1:]
		}
		rule, isRule := strings.CutPrefix(line, "-A ")
		if !isRule {
			continue
		}
		chain, rest, _ := strings.Cut(rule, " ")
		_, target, _ := strings.Cut(rest, "-j ")
		if ourChains.MatchString(chain) || !ourChains.MatchString(target) {
			continue
		}
		input := fmt.Sprintf("*%s\n-D %s\nCOMMIT\n", table, rule)
		if _, err := runWithInput(ctx, input, family+"-restore", "-w", "--noflush"); err != nil {
			return err
		}
	}
	return nil
}
