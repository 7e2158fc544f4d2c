// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// subject is the package, or it with a fault.
type subject struct {
	shares func(a, b Domain) bool
	apart  func(from []Domain, d Domain) bool
	class  func(c Class) Domain
}

var sound = subject{Shares, Apart, OfClass}

// drawn is what laws are held against: two classes, and two domains that have much in common.
type drawn struct {
	a, b   Domain
	part   string
	x, y   Class
	driver string
	odd    string // what somebody may write
}

func draw(t *rapid.T) drawn {
	word := rapid.SampledFrom([]string{"a", "ab", "b", "rack-7"})
	some := rapid.Custom(func(t *rapid.T) Domain { return strings.Join(rapid.SliceOfN(word, 0, 3).Draw(t, "parts"), "/") })
	name := rapid.SampledFrom([]string{"rbd.csi.ceph.com", "nfs.csi.k8s.io", "array.example.org", "csi.trident.netapp.io", "kubernetes.io/no-provisioner", "efs.csi.aws.com"})
	key := rapid.SampledFrom([]string{"clusterID", "server", "pool", "storagePools", "fileSystemId"})
	parameters := rapid.MapOf(key, rapid.SampledFrom([]string{"", "one.example.org", "two.example.org", "$x"}))
	return drawn{
		odd: rapid.StringOfN(rapid.RuneFrom([]rune("aZ0/.-_:[]\\ $é\n")), 0, 200, -1).Draw(t, "odd"),
		a:   some.Draw(t, "a"), b: some.Draw(t, "b"), part: word.Draw(t, "part"), driver: name.Draw(t, "driver"),
		x: Class{Provisioner: name.Draw(t, "x"), Parameters: parameters.Draw(t, "of x")},
		y: Class{Provisioner: name.Draw(t, "y"), Parameters: parameters.Draw(t, "of y")},
	}
}

type law struct {
	name  string
	holds func(s subject, d drawn) error
}

var laws = []law{
	{"everything shares with itself", func(s subject, d drawn) error {
		return must(s.shares(d.a, d.a), "%q is apart from itself", d.a)
	}},
	{"sharing goes both ways", func(s subject, d drawn) error {
		return must(s.shares(d.a, d.b) == s.shares(d.b, d.a), "%q and %q", d.a, d.b)
	}},
	{"what is not known shares with everything", func(s subject, d drawn) error {
		return must(s.shares("", d.a) && s.shares(d.a, "") && !s.apart([]Domain{d.b}, "") && !s.apart([]Domain{d.b, ""}, d.a), "%q, %q", d.a, d.b)
	}},
	{"a whole shares with its parts", func(s subject, d drawn) error {
		return must(s.shares(d.a, d.a+"/"+d.part), "%q and its part %q", d.a, d.part)
	}},
	{"what is apart from a whole is apart from its parts", func(s subject, d drawn) error {
		return must(s.shares(d.a, d.b) || !s.shares(d.a, d.b+"/"+d.part), "%q and %q, part %q", d.a, d.b, d.part)
	}},
	{"different roots are apart", func(s subject, d drawn) error {
		a, b := "a"+"/"+d.part, "b"+"/"+d.part
		return must(!s.shares(a, b) && s.apart([]Domain{a}, b), "%q and %q", a, b)
	}},
	{"more volumes never make a place more independent", func(s subject, d drawn) error {
		return must(s.apart([]Domain{d.part}, d.b) || !s.apart([]Domain{d.part, d.a}, d.b), "%q from %q", d.b, d.a)
	}},
	{"nothing is apart from no volumes", func(s subject, d drawn) error {
		return must(!s.apart(nil, d.a), "%q", d.a)
	}},
	{"classes of one driver share unless a parameter names two storage systems", func(s subject, d drawn) error {
		x, y := d.x, d.y
		x.Provisioner, y.Provisioner = d.driver, d.driver
		is, _ := driverOf(d.driver)
		told := parameter(x.Parameters, is.parameter) != "" && parameter(y.Parameters, is.parameter) != "" && is.parameter != ""
		return must(told || s.shares(s.class(x), s.class(y)), "%v and %v", x, y)
	}},
	{"a derived domain is empty or canonical", func(s subject, d drawn) error {
		x, y := d.x, d.x
		x.Parameters, y.Override = map[string]string{"clusterID": d.odd, "server": d.odd, "fileSystemId": d.odd}, &d.odd
		return must(canonical(s.class(x)) && canonical(s.class(y)) && canonical(OfRepository(api.RepositorySpec{S3: &api.S3Location{Endpoint: d.odd, Bucket: d.odd}}, nil)), "%q of %q", s.class(x), d.odd)
	}},
	{"a class shares with the same class", func(s subject, d drawn) error {
		return must(s.shares(s.class(d.x), s.class(d.x)), "%v", d.x)
	}},
}

// canonical says whether a domain has no empty part, and none in upper case.
func canonical(d Domain) bool {
	return d == "" || (d == strings.ToLower(d) && !strings.HasPrefix(d, "/") && !strings.HasSuffix(d, "/") && !strings.Contains(d, "//") && len(d) <= 512)
}

func must(holds bool, format string, about ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, about...)
}

func TestLaws(t *testing.T) {
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				if err := l.holds(sound, draw(t)); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestLawsHaveTeeth plants a fault for each law, and sees that it is found.
func TestLawsHaveTeeth(t *testing.T) {
	with := func(plant func(s *subject)) subject {
		s := sound
		plant(&s)
		return s
	}
	sharing := func(f func(a, b Domain) bool) subject { return with(func(s *subject) { s.shares = f }) }
	parting := func(f func(from []Domain, d Domain) bool) subject { return with(func(s *subject) { s.apart = f }) }
	faults := map[string]subject{
		"everything shares with itself":            sharing(func(a, b Domain) bool { return a != b && Shares(a, b) }),
		"sharing goes both ways":                   sharing(func(a, b Domain) bool { return a == "" || b == "" || a == b || strings.HasPrefix(b, a+"/") }),
		"what is not known shares with everything": parting(func(_ []Domain, d Domain) bool { return d != "a" }),
		"a whole shares with its parts":            sharing(func(a, b Domain) bool { return a == "" || b == "" || a == b }),
		"what is apart from a whole is apart from its parts": sharing(func(a, b Domain) bool {
			return Shares(a, b) || strings.HasSuffix(a, "/b") && strings.HasSuffix(b, "/b") // by the last part
		}),
		"different roots are apart":                                                sharing(func(_, _ Domain) bool { return true }),
		"more volumes never make a place more independent":                         parting(func(from []Domain, d Domain) bool { return Apart(from[len(from)-1:], d) }),
		"nothing is apart from no volumes":                                         parting(func(from []Domain, d Domain) bool { return len(from) == 0 || Apart(from, d) }),
		"classes of one driver share unless a parameter names two storage systems": with(func(s *subject) { s.class = func(c Class) Domain { return of(c.Provisioner, c.Parameters["pool"]) } }),
		"a derived domain is empty or canonical": with(func(s *subject) {
			s.class = func(c Class) Domain {
				if c.Override != nil {
					return *c.Override
				}
				return OfClass(c)
			}
		}),
		"a class shares with the same class": sharing(func(a, b Domain) bool { return a != "ceph" && Shares(a, b) }),
	}
	for _, l := range laws {
		fault, planted := faults[l.name]
		if !planted {
			t.Errorf("nothing was planted for %q", l.name)
			continue
		}
		found := false
		for seed := range 300 {
			if l.holds(fault, rapid.Custom(draw).Example(seed)) != nil {
				found = true
				break
			}
		}
		if !found {
			t.Errorf("the fault planted for %q was not found", l.name)
		}
	}
}
